"use strict";
// Everything here is a comfort: the pages work without it.
(() => {
  const tell = (what, more) => {
    if (parent !== window) parent.postMessage({ interlock: what, ...more }, "*");
  };

  const countDown = () => {
    const clock = document.querySelector("[data-seconds]");
    if (!clock) return;
    const end = performance.now() + 1000 * Number(clock.dataset.seconds);
    const digits = clock.dataset.digits || "0123456789";
    const local = (text) => text.replace(/\d/g, (d) => [...digits][d]);
    const tick = () => {
      const left = Math.max(0, Math.round((end - performance.now()) / 1000));
      clock.textContent = local(`${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
      document.querySelector("[data-held]").hidden = left === 0;
      document.querySelector("[data-ran-out]").hidden = left > 0;
      if (left > 0) setTimeout(tick, 1000);
    };
    document.querySelector("[data-until]").hidden = true;
    tick();
  };

  const ownZone = () => {
    const link = document.querySelector("[data-own-zone]");
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!link || !zone || zone === link.dataset.ownZone || !zone.includes("/")) return;
    const address = new URL(location.pathname + location.search, location.href);
    address.searchParams.set("zone", zone);
    link.href = address.href;
    link.textContent = link.textContent.replace("{zone}", zone.split("/").pop().replaceAll("_", " "));
    link.hidden = false;
  };

  // Arrow keys pass one choice after the other: who uses them says with the button when it is the right one.
  let byKey = false;
  addEventListener("keydown", () => { byKey = true; }, true);
  addEventListener("pointerdown", () => { byKey = false; }, true);
  const chosen = (select) => {
    const form = select.form;
    if (!byKey) return form.requestSubmit();
    form.classList.remove("scripted");
    // The page that answers has the focus where the choice was made; a frame may have no other memory.
    form.setAttribute("action", `${form.getAttribute("action").split("#")[0]}#${select.id}`);
  };

  const started = () => {
    ownZone();
    for (const select of document.querySelectorAll("select[data-go]")) {
      if (select.dataset.ready) continue;
      select.dataset.ready = "1";
      select.form.classList.add("scripted");
      select.addEventListener("change", () => chosen(select));
    }
  };

  const copied = async (button) => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    // The frame of another site's page may only copy what is selected.
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
  };

  // A button pressed twice sends once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 4000);
  });
  document.addEventListener("htmx:after:swap", started);
  started();
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copied(button));
  }
  document.querySelector("select:target")?.focus();
  countDown();
  const alarm = document.querySelector("[data-focus]");
  if (alarm) alarm.focus();
  const event = document.querySelector("[data-event]");
  tell("page", { title: document.title });
  if (event) tell(event.dataset.event, { at: event.dataset.at || null });
  if (parent !== window) {
    new ResizeObserver(() => tell("height", { height: document.documentElement.getBoundingClientRect().height }))
      .observe(document.documentElement);
  }
})();
