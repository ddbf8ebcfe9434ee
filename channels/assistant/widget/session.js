// A visit: its token, what was said, and the requests that carry them. It lives as long as the browser's tab.
const KEPT = 40;

export class Session {
  constructor(base, given) {
    this.base = base;
    this.key = `shopkeeper ${base}`;
    this.given = given || null;
    const kept = this.#read();
    // Another shopper at the same tab must not see what was said before; a renewed token of the same one may.
    if (kept && who(kept.given) === who(this.given)) Object.assign(this, { token: kept.token, log: kept.log, open: kept.open });
    else Object.assign(this, { token: null, log: [], open: false });
    if (this.given) this.token = this.given;
  }

  // Says whether what was said before is gone, because someone else is here now.
  take(given) {
    const same = who(given) === who(this.given);
    Object.assign(this, { given: given || null, token: given || (same ? this.token : null) });
    if (!same) this.log = [];
    this.keep();
    return !same;
  }

  keep() {
    this.log = this.log.slice(-KEPT);
    try {
      const { given, token, log, open } = this;
      sessionStorage.setItem(this.key, JSON.stringify({ given, token, log, open }));
    } catch {
      // A browser that keeps nothing, or a full store: the visit goes on without memory.
    }
  }

  #read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key));
    } catch {
      return null;
    }
  }

  // A request with the visit's token; a visit that is over is begun anew, unless the shop signed it.
  async fetch(path, options = {}) {
    if (!this.token) await this.#begin();
    const send = () =>
      fetch(this.base + path, {
        ...options,
        credentials: "omit",
        headers: { authorization: `Bearer ${this.token}`, ...(options.body ? { "content-type": "application/json" } : {}) },
      });
    const response = await send();
    if (response.status !== 401 || this.given) return response;
    await this.#begin();
    return send();
  }

  async #begin() {
    const response = await fetch(this.base + "visit", { method: "POST", credentials: "omit" });
    if (!response.ok) throw Object.assign(new Error("no visit"), { status: response.status });
    this.token = (await response.json()).token;
    this.keep();
  }

  tell(event) {
    return this.fetch("events", { method: "POST", body: JSON.stringify({ events: [event] }), keepalive: true }).catch(() => null);
  }
}

// The shopper and the visit that a token speaks of; only the server can tell whether it is true.
function who(token) {
  try {
    const claims = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return `${claims.sub ?? ""} ${claims.sid}`;
  } catch {
    return "";
  }
}

// The events of a stream as [name, content], as they come.
export async function* told(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    waiting += decoder.decode(value, { stream: !done });
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const [, name] = block.match(/^event: (.+)$/m) ?? [];
      const [, data] = block.match(/^data: (.+)$/m) ?? [];
      if (name && data) yield [name, JSON.parse(data)];
    }
    if (done) return;
  }
}
