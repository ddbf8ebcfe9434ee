// The chat in the window: deep-chat for the conversation, our own elements beside its answers.
import "deep-chat/dist/deepChat.bundle.js";
import { beside, chips } from "./beside.js";
import css from "./chat.css";
import { make } from "./dom.js";
import { told } from "./session.js";

const SEND = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"><path d="M12 19V5M6 11l6-6 6 6"/></svg>';
const STOP = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="currentColor"><rect x="5" y="5" width="14" height="14" rx="3"/></svg>';
const WAIT = '<div class="sk-wait"><span class="sk-dots"><i></i><i></i><i></i></span><span class="sk-step"></span></div>';
const SLOT = '<div class="sk-beside"></div>';
const LONGEST = 2000;
// Milliseconds until deep-chat has scrolled a new message into view.
const AFTER_DEEP_CHAT = 60;

export async function mount(face) {
  const chat = document.createElement("deep-chat");
  const state = { face, chat, busy: false, name: () => {} };
  configure(state);
  face.room.replaceChildren(chat);
  while (!chat.shadowRoot.querySelector("#text-input")) await new Promise((done) => setTimeout(done, 10));
  named(state);
  await restore(state);
  return {
    focus: () => chat.shadowRoot.querySelector("#text-input").focus(),
    ask: (text) => ask(state, text),
    async anew() {
      if (state.busy) return;
      face.session.log = [];
      if (!face.session.given) face.session.token = null;
      face.session.keep();
      chat.clearMessages();
      await restore(state);
    },
  };
}

function configure(state) {
  const { chat, face } = state;
  const icon = (content) => ({ svg: { content, styles: { default: { filter: "none" } } } });
  // A family of our own choice: without one deep-chat fetches a font from elsewhere.
  Object.assign(chat.style, { fontFamily: "inherit", width: "100%", height: "100%", border: "0", background: "none", display: "block" });
  chat.connect = { stream: true, handler: (body, signals) => void answer(state, body, signals) };
  chat.auxiliaryStyle = css;
  chat.textInput = { placeholder: { text: face.words.place }, characterLimit: LONGEST };
  chat.submitButtonStyles = { position: "outside-end", submit: icon(SEND), loading: icon(STOP), stop: icon(STOP), disabled: icon(SEND) };
  chat.messageStyles = { loading: { message: { html: WAIT } } };
  chat.errorMessages = { displayServiceErrorMessages: false, overrides: { default: face.words.broken } };
  chat.remarkable = { html: false };
}

// Names and roles that deep-chat leaves out.
function named(state) {
  const { chat, face } = state;
  const { words } = face;
  const part = (id) => chat.shadowRoot.querySelector(id);
  Object.entries({ role: "log", "aria-label": words.log, "aria-live": "off", tabindex: "0" }).forEach((a) => part("#messages").setAttribute(...a));
  part("#text-input").setAttribute("aria-multiline", "true");
  part("#text-input").setAttribute("aria-label", words.input);
  const button = part(".input-button");
  state.name = () => button.setAttribute("aria-label", state.busy ? words.stop : words.send);
  state.name();
}

async function restore(state) {
  const { chat, face } = state;
  const { log } = face.session;
  if (!log.length) return greet(state);
  for (const { role, text, done, stopped } of log) {
    if (text) chat.addMessage({ role, text });
    if (done) put(state, ...beside({ ...done, replies: [] }, face));
    if (stopped) put(state, make("p", { class: "sk-note" }, face.words.stopped));
  }
  chat.scrollToBottom();
}

async function greet(state) {
  const { chat, face } = state;
  let known = { shop: document.title, symbol: "", price: 20, categories: [] };
  try {
    const response = await face.session.fetch("start");
    if (response.ok) known = await response.json();
  } catch {
    // The greeting can do without; a question will say that the shop can't be reached.
  }
  chat.addMessage({ role: "ai", text: face.words.hello(known.shop) });
  put(state, chips(face.words.questions(known), face.words.suggestions, face));
}

// Elements of ours beneath the last message.
function put({ chat }, ...parts) {
  if (!parts.length) return;
  chat.addMessage({ role: "ai", html: SLOT });
  [...chat.shadowRoot.querySelectorAll(".sk-beside")].at(-1).append(...parts);
  chat.scrollToBottom();
}

// Shows an answer from its beginning, though it is longer than the window.
function toQuestion({ chat }) {
  const view = chat.shadowRoot.querySelector("#messages");
  const question = [...view.querySelectorAll(".user-message-text")].at(-1);
  const turn = () => (view.scrollTop += question.getBoundingClientRect().top - view.getBoundingClientRect().top - 12);
  if (question) setTimeout(turn, AFTER_DEEP_CHAT);
}

function ask(state, text) {
  if (!state.busy) state.chat.submitUserMessage({ text });
}

async function answer(state, body, signals) {
  const { chat, face } = state;
  const { words, session } = face;
  const said = body.messages.at(-1).text;
  const leaving = new AbortController();
  let [text, stopped] = ["", false];
  state.busy = true;
  state.name();
  chat.shadowRoot.querySelectorAll(".sk-chips").forEach((old) => old.remove());
  session.log.push({ role: "user", text: said });
  signals.stopClicked.listener = () => {
    stopped = true;
    leaving.abort();
  };
  signals.onOpen();
  step(state, words.thinking);
  try {
    const response = await session.fetch("chat", { method: "POST", body: JSON.stringify({ say: said }), signal: leaving.signal });
    if (!response.ok) throw Object.assign(new Error("refused"), { words: refused(response, words) });
    const done = await listened(response, state, async (more) => {
      text += more;
      await signals.onResponse({ text: more });
    });
    if (done.text !== text) await signals.onResponse({ text: done.text, overwrite: true });
    signals.onClose();
    session.log.push({ role: "ai", text: done.text, done });
    put(state, ...beside(done, face));
    toQuestion(state);
    done.basket.forEach(({ product_id, title, quantity }) => face.put(product_id, quantity, title, "assistant"));
    face.say(done.text);
  } catch (error) {
    signals.onClose();
    if (stopped) {
      session.log.push({ role: "ai", text, stopped });
      put(state, make("p", { class: "sk-note" }, words.stopped));
      face.say(words.stopped);
    } else {
      const sentence = error.words ?? (error.name === "TypeError" ? words.offline : words.broken);
      const again = make("button", { type: "button", class: "sk-chip", onclick: () => ask(state, said) }, words.retry);
      put(state, make("p", { class: "sk-note sk-failed" }, sentence), make("div", { class: "sk-chips" }, again));
      face.say(sentence);
    }
  } finally {
    state.busy = false;
    state.name();
    session.keep();
  }
}

// Shows steps and words as they come and returns the whole answer.
async function listened(response, state, onWords) {
  const { words } = state.face;
  for await (const [name, content] of told(response)) {
    if (name === "step") step(state, words.steps[content.tool] ?? words.step);
    else if (name === "words") await onWords(content.text);
    else if (name === "error") throw Object.assign(new Error("no answer"), { words: content.message });
    else if (name === "done") return content;
  }
  throw new TypeError("the stream broke off");
}

function step({ chat, face }, text) {
  const place = [...chat.shadowRoot.querySelectorAll(".sk-step")].at(-1);
  if (place) place.textContent = text;
  face.say(text);
}

function refused({ status }, words) {
  if (status === 401) return words.signedOut;
  if (status === 413 || status === 422) return words.long;
  return status === 429 || status === 503 ? words.busy : words.broken;
}
