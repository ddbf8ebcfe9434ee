// Keys, scrolling and small courtesies of the console. Loaded from this server; nothing here talks to any other.
(() => {
  const log = () => document.querySelector(".log");
  const typing = (node) => node && (node.matches("input, textarea, select") || node.isContentEditable);
  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.(".composer textarea");
    if (box && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (box.value.trim() && !box.form.querySelector(".stop:not([hidden])")) box.form.requestSubmit();
    } else if (event.key === "Escape") {
      const open = document.querySelector("details.menu[open], details.kebab[open], details.sure[open]");
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      } else if (!document.querySelector(":popover-open")) {
        document.querySelector(".stop:not([hidden])")?.click();
      }
    } else if (event.key === "/" && !typing(event.target) && !event.ctrlKey && !event.metaKey) {
      const search = document.querySelector(".search");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.menu[open], details.kebab[open], details.sure[open]"))
      if (!open.contains(event.target)) open.open = false;
  });
  const plan = () => document.querySelector('.composer input[value="plan"]');
  const down = () => window.scrollTo({ top: document.body.scrollHeight, behavior: "instant" });
  const settle = () => {
    const box = document.querySelector(".composer textarea");
    if (!box || box.dataset.settled) return;
    box.dataset.settled = "1";
    if (location.hash === "#plan" && plan()) plan().checked = true;
    if (matchMedia("(min-width: 60rem)").matches) box.focus();
    if (document.querySelector(".answer")) down();
  };
  let last = 0;
  const follow = () => {
    settle();
    if (!log()) return;
    const height = document.body.scrollHeight;
    const near = last && last - window.scrollY - innerHeight < 160;
    if (height > last && near && document.querySelector(".answer")) down();
    last = height;
  };
  new MutationObserver(follow).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
})();
