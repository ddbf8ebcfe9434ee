// What the demo shop's pages do: they tell the assistant what is looked at, keep the basket's count and "For you" fresh.
const { token, view } = document.body.dataset;
const first = (selector, from = document) => from.querySelector(selector);

const tell = (event) =>
  fetch("/assistant/events", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ events: [event] }),
  }).catch(() => null);

let hiding = 0;
function toast(text) {
  const place = first("[data-toast]");
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => place.classList.remove("shown"), 3500);
}

async function put(productId, quantity, title) {
  const body = new URLSearchParams({ product_id: productId, quantity });
  const answer = await fetch("/shop/basket", { method: "POST", headers: { accept: "application/json" }, body });
  if (!answer.ok) return toast("That could not be put into the basket. Please try again.");
  first("[data-count]").textContent = (await answer.json()).count;
  toast(title ? `${title} is in the basket` : "It is in the basket");
}

function tile(one) {
  const made = first("#tile").content.cloneNode(true);
  first("a", made).href = `/shop/p/${encodeURIComponent(one.product_id)}`;
  first("img", made).src = `/assistant/pictures/${encodeURIComponent(one.product_id)}.svg`;
  first(".name", made).textContent = one.title;
  first("strong", made).textContent = one.price;
  first(".stock", made).textContent = one.stock;
  first(".stock", made).classList.toggle("out", one.stock === "sold out");
  if (one.why) first(".why", made).textContent = one.why;
  else first(".why", made).remove();
  return made;
}

async function refresh() {
  const strip = first("[data-for-you]");
  if (!strip) return;
  const answer = await fetch(`/shop/for-you${strip.dataset.forYou ? `?beside=${encodeURIComponent(strip.dataset.forYou)}` : ""}`);
  if (!answer.ok) return;
  const found = await answer.json();
  first("ul", strip).replaceChildren(...found.map(tile));
  strip.hidden = found.length === 0;
}

if (view) tell({ kind: "view", product_id: view });

for (const form of document.querySelectorAll("form[data-add]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { product_id: product, quantity } = Object.fromEntries(new FormData(form));
    await put(product, quantity, form.dataset.add);
    await tell({ kind: "add_to_cart", product_id: product, quantity: Number(quantity) });
    await refresh();
  });
}

window.addEventListener("shopkeeper:add-to-cart", async ({ detail }) => {
  await put(detail.product_id, detail.quantity, detail.title);
  await refresh();
});

for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => {
    if (window.ShopkeeperAssistant) window.ShopkeeperAssistant.ask(button.dataset.ask);
    else toast("The assistant is not here: run shopkeeper build-widget");
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") first(".who").open = false;
});
document.addEventListener("click", (event) => {
  if (!first(".who").contains(event.target)) first(".who").open = false;
});
