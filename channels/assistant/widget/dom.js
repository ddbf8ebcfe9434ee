// Elements made by hand: whatever comes from the shop goes in as text, never as HTML.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function drawn(path, size = 24) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [name, value] of Object.entries({
    viewBox: "0 0 24 24", width: size, height: size, fill: "none", stroke: "currentColor", "stroke-width": 2,
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
  })) svg.setAttribute(name, value);
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// A stylesheet made by script needs no 'unsafe-inline' in the page's policy.
export function styled(root, css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

// What Tab reaches within `root`, in order, looking into shadow roots too.
export function reachable(root) {
  const found = [];
  for (const element of root.children) {
    if (element.matches("a[href],button:not(:disabled),input,[contenteditable=true],[tabindex]:not([tabindex='-1'])")) {
      if (element.getClientRects().length && element.getAttribute("aria-disabled") !== "true") found.push(element);
    }
    found.push(...reachable(element));
    if (element.shadowRoot) found.push(...reachable(element.shadowRoot));
  }
  return found;
}

export function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}
