// What stands beside an answer's words: product cards, a comparison, an order, quick replies.
import { drawn, make } from "./dom.js";

const TICK = "M5 12.5l4.5 4.5L19 7.5";

export function beside(done, face) {
  const { words } = face;
  const parts = [];
  if (done.comparison) parts.push(compared(done.comparison, face));
  else if (done.cards?.length) parts.push(make("ul", { class: "sk-cards" }, ...done.cards.map((card) => shown(card, face))));
  if (done.order) parts.push(order(done.order, words));
  if (done.replies?.length) parts.push(chips(done.replies, words.replies, face));
  return parts;
}

export function chips(texts, label, face) {
  const buttons = texts.map((text) => make("button", { type: "button", class: "sk-chip", onclick: () => face.ask(text) }, text));
  return make("div", { class: "sk-chips", role: "group", "aria-label": label }, ...buttons);
}

function shown(card, face) {
  const stock = card.stock ? make("span", { class: card.stock === "sold out" ? "sk-out" : "sk-in" }, face.words.stock[card.stock]) : null;
  return make(
    "li",
    { class: "sk-card", "data-product": card.product_id },
    pictured(card, face),
    make(
      "div",
      { class: "sk-about" },
      titled(card, face),
      card.why ? make("p", { class: "sk-why" }, card.why) : null,
      make("p", { class: "sk-price" }, make("strong", {}, card.price ?? ""), stock),
    ),
    basket(card, face),
  );
}

function titled(card, face) {
  const url = face.link(card.product_id);
  const title = url ? make("a", { href: url, onclick: (event) => face.opened(event, card.product_id) }, card.title) : card.title;
  return make("p", { class: "sk-title" }, title);
}

function pictured(card, face) {
  const image = make("img", {
    class: "sk-picture",
    src: card.image_url ?? `${face.base}pictures/${encodeURIComponent(card.product_id)}.svg`,
    alt: "",
    width: 72,
    height: 72,
    loading: "lazy",
    referrerpolicy: "no-referrer",
  });
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "sk-picture", "aria-hidden": "true" }, card.title.slice(0, 1))));
  return image;
}

function basket(card, face, text = face.words.add) {
  if (card.stock === "sold out") return null;
  const label = make("span", {}, text);
  const button = make("button", { type: "button", class: "sk-add", "aria-label": `${face.words.add}: ${card.title}` }, label);
  button.addEventListener("click", () => {
    face.put(card.product_id, 1, card.title);
    button.classList.add("sk-done");
    label.replaceChildren(drawn(TICK, 14), text === face.words.add ? ` ${face.words.added}` : "");
    setTimeout(() => {
      button.classList.remove("sk-done");
      label.replaceChildren(text);
    }, 2500);
  });
  return button;
}

function compared({ products, lines, best }, face) {
  const { words } = face;
  const mark = (id) =>
    (best[id] ?? "").split(" ").filter((name) => words.best[name]).map((name) => make("span", { class: "sk-best" }, words.best[name]));
  const heads = products.map((card) =>
    make("th", { scope: "col" }, pictured(card, face), titled(card, face), ...mark(card.product_id)));
  const rows = lines.map(({ key, cells }) =>
    make("tr", {}, make("th", { scope: "row" }, words.lines[key] ?? key), ...cells.map((cell) => make("td", {}, cell || "–"))));
  const buttons = make("tr", {}, make("td"), ...products.map((card) => make("td", {}, basket(card, face, words.addShort))));
  const table = make("table", {}, make("thead", {}, make("tr", {}, make("td"), ...heads)), make("tbody", {}, ...rows, buttons));
  return make("div", { class: "sk-compare", role: "region", tabindex: "0", "aria-label": words.compared }, table);
}

const WAY = ["processing", "shipped", "delivered"];

function order(found, words) {
  const reached = WAY.indexOf(found.state === "late" ? "shipped" : found.state);
  const way = make(
    "ol",
    { class: "sk-way" },
    ...WAY.map((state, at) =>
      make("li", { class: at <= reached ? "sk-reached" : "", "aria-current": at === reached ? "step" : null }, words.states[state])),
  );
  const facts = Object.entries(words.parts)
    .filter(([key]) => found[key])
    .map(([key, label]) => make("div", {}, make("dt", {}, label), make("dd", {}, found[key])));
  return make(
    "section",
    { class: "sk-order", "aria-label": words.order(found.order_id) },
    make("p", { class: "sk-title" }, words.order(found.order_id), make("span", { class: `sk-state sk-${found.state}` }, words.states[found.state] ?? found.state)),
    found.state === "cancelled" ? null : way,
    make("dl", {}, ...facts),
  );
}
