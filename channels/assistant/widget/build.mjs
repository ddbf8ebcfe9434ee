// Bundles the widget: `node build.mjs OUT`. One small script for the page, one for the chat that it loads when opened.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const out = process.argv[2];
const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const common = { bundle: true, minify: true, write: false, target: "es2020", legalComments: "none", loader: { ".css": "text" } };

// deep-chat writes messages as Markdown into innerHTML, links of any scheme included. A product's title is the shop's
// data and may be hostile, so here a message is text. The build fails when deep-chat no longer reads as expected.
const SINK = /\.innerHTML=(this\._remarkable\.render\()(\w+)\)/g;
const asText = {
  name: "messages as text",
  setup(one) {
    one.onLoad({ filter: /deepChat\.bundle\.js$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      if ((source.match(SINK) ?? []).length !== 1) throw new Error("deep-chat writes messages in another way: look at build.mjs");
      return { contents: source.replace(SINK, ".textContent=$2"), loader: "js" };
    });
  },
};

const chat = await build({ ...common, entryPoints: [join(here, "chat.js")], format: "esm", plugins: [asText] });
const text = "/* With deep-chat 2.4.2 (MIT, Ovidijus Parsiunas). */\n" + chat.outputFiles[0].text;
const name = `chat-${createHash("sha256").update(text).digest("hex").slice(0, 12)}.js`;
const page = await build({
  ...common,
  entryPoints: [join(here, "widget.js")],
  format: "iife",
  define: { CHAT_FILE: JSON.stringify(name) },
});
mkdirSync(out, { recursive: true });
writeFileSync(join(out, name), text);
writeFileSync(join(out, "widget.js"), page.outputFiles[0].text);
