// The one script on a shop's page: a bubble, and a window that loads the chat when it is opened for the first time.
import { drawn, focused, make, reachable, styled } from "./dom.js";
import { Session } from "./session.js";
import css from "./widget.css";
import { wordsFor } from "./words.js";

const script = document.currentScript;
const NAME = "shopkeeper-assistant";
const BUBBLE = "M21 11.5a8.4 8.4 0 0 1-12.3 7.4L3.5 20.5l1.6-4.9A8.4 8.4 0 1 1 21 11.5z";
const CROSS = "M6 6l12 12M18 6L6 18";
const ANEW = "M4 4v6h6M4.6 10a8 8 0 1 1-.4 4.6";

function begin() {
  const { token, lang, theme, side, productUrl } = script.dataset;
  const language = lang || document.documentElement.lang || navigator.language;
  const words = wordsFor(language);
  const base = new URL(".", script.src).href;
  const session = new Session(base, token);
  const host = make(NAME, { side: side === "left" ? "left" : "right" });
  const root = host.attachShadow({ mode: "open" });
  styled(root, css);

  const bubble = make(
    "button",
    { type: "button", class: "bubble", "aria-label": words.ask, "aria-haspopup": "dialog", "aria-expanded": "false" },
    drawn(BUBBLE, 28),
  );
  const status = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const room = make("div", { class: "room" }, make("p", { class: "waiting" }, words.loading));
  const panel = make(
    "section",
    { class: "panel", role: "dialog", "aria-modal": "true", "aria-label": words.title, hidden: true, lang: words === wordsFor("zh") ? "zh" : "en" },
    make(
      "div",
      { class: "head" },
      make("h2", {}, words.title),
      make("button", { type: "button", class: "icon again", "aria-label": words.again, title: words.again }, drawn(ANEW, 20)),
      make("button", { type: "button", class: "icon close", "aria-label": words.close, title: words.close }, drawn(CROSS, 22)),
    ),
    room,
    status,
  );
  root.append(bubble, panel);
  document.body.append(host);

  const say = (text) => (status.textContent = text);
  const face = {
    base, words, session, say, room,
    link: (id) => (productUrl ? new URL(productUrl.replace("{id}", encodeURIComponent(id)), location.href).href : null),
    opened(event, id) {
      const told = new CustomEvent("shopkeeper:open-product", { detail: { product_id: id }, cancelable: true });
      if (!window.dispatchEvent(told)) event.preventDefault();
    },
    // Tells the page; what the shopper did by hand is told to the server too, which knows of its own doings.
    put(id, quantity, title, by = "shopper") {
      window.dispatchEvent(new CustomEvent("shopkeeper:add-to-cart", { detail: { product_id: id, quantity, title, by } }));
      if (by === "shopper") {
        say(words.put(title));
        session.tell({ kind: "add_to_cart", product_id: id, quantity });
      }
    },
    ask: (text) => loaded().then((chat) => chat.ask(text)),
  };

  let loading = null;
  const loaded = () => {
    loading ??= import(base + CHAT_FILE)
      .then((module) => module.mount(face))
      .catch((error) => {
        loading = null;
        room.replaceChildren(make("p", { class: "waiting", role: "alert" }, words.offline));
        throw error;
      });
    return loading;
  };

  // As the system is, unless the page says otherwise (data-theme) or says so by its own color-scheme.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => host.setAttribute("theme", theme === "dark" || theme === "light" ? theme : dark.matches ? "dark" : "light");
  dark.addEventListener("change", paint);
  paint();

  function open({ focus = true } = {}) {
    panel.hidden = false;
    host.toggleAttribute("open", true);
    bubble.setAttribute("aria-expanded", "true");
    session.open = true;
    session.keep();
    return loaded().then((chat) => (focus && chat.focus(), chat), () => null);
  }

  function close() {
    panel.hidden = true;
    host.toggleAttribute("open", false);
    bubble.setAttribute("aria-expanded", "false");
    session.open = false;
    session.keep();
    bubble.focus();
  }

  bubble.addEventListener("click", () => (panel.hidden ? open() : close()));
  root.querySelector(".close").addEventListener("click", close);
  root.querySelector(".again").addEventListener("click", () => loaded().then((chat) => chat.anew()));
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") {
      const stops = reachable(panel);
      const at = stops.indexOf(focused());
      const next = event.shiftKey ? (at <= 0 ? stops.at(-1) : null) : at === stops.length - 1 ? stops[0] : null;
      if (next) {
        event.preventDefault();
        next.focus();
      }
    }
  });

  window.ShopkeeperAssistant = {
    open: () => void open(),
    close,
    ask: (text) => void open().then((chat) => chat?.ask(String(text))),
    setToken(given) {
      if (session.take(given)) loading?.then((chat) => chat.anew());
    },
  };
  window.dispatchEvent(new CustomEvent("shopkeeper:ready"));
  // Only where there is room beside the page: on a phone it would cover what the shopper has just opened.
  if (session.open && matchMedia("(min-width: 700px)").matches) open({ focus: false });
}

if (script && !customElements.get(NAME) && !window.ShopkeeperAssistant) {
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
}
