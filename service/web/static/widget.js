// <script src="https://HOST/widget.js" data-business="SLUG" async></script>
(() => {
  "use strict";
  const tag = document.currentScript;
  const origin = new URL(tag.src).origin;
  const frame = document.createElement("iframe");
  const address = new URL(`/b/${encodeURIComponent(tag.dataset.business)}`, origin);
  address.searchParams.set("embed", "1");
  for (const name of ["service", "staff", "lang", "zone"]) {
    if (tag.dataset[name]) address.searchParams.set(name, tag.dataset[name]);
  }
  frame.src = address.href;
  frame.title = tag.dataset.title || "Booking";
  frame.style.cssText = "border:0;width:100%;height:640px;display:block";
  // Light or dark as the page around it is, not as the visitor's other pages are.
  const scheme = getComputedStyle(tag).colorScheme;
  frame.style.colorScheme = scheme === "normal" ? "light" : scheme;
  tag.after(frame);
  let seen = false;
  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== origin) return;
    const told = event.data;
    if (!told || typeof told.interlock !== "string") return;
    if (told.interlock === "height") frame.style.height = `${Math.ceil(told.height)}px`;
    if (told.interlock === "page") {
      frame.title = told.title;
      // Who pressed something far down the page before looks at the top of the next one.
      if (seen && frame.getBoundingClientRect().top < 0) frame.scrollIntoView();
      seen = true;
    }
    tag.dispatchEvent(new CustomEvent(`interlock:${told.interlock}`, { detail: told, bubbles: true }));
  });
})();
