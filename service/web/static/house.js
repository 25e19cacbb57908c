"use strict";
// What every page of the house does beyond its forms: send what is chosen, tick many, show what others change.
(() => {
  const POLL = 2000, AGAIN = 3000, SLOWEST = 10000;

  const ready = () => {
    for (const field of document.querySelectorAll("[data-go]")) {
      if (field.dataset.ready) continue;
      field.dataset.ready = "1";
      field.form.classList.add("scripted");
      field.addEventListener("change", () => field.form.requestSubmit());
    }
    for (const all of document.querySelectorAll("[data-all]")) {
      if (all.dataset.ready) continue;
      all.dataset.ready = "1";
      all.hidden = false;
      all.addEventListener("click", () => {
        for (const box of all.form.elements[all.dataset.all]) box.checked = all.value === "all";
      });
    }
  };

  // What is drawn stays rolled to where it was, whatever was sent meanwhile; at first it shows the present moment.
  const rolled = () => {
    const drawn = document.querySelector("#live > .scroll"), now = document.querySelector("#live .now");
    if (!drawn) return;
    const kept = sessionStorage.getItem(location.pathname);
    if (kept) [drawn.scrollLeft, drawn.scrollTop] = kept.split(" ").map(Number);
    else if (now) drawn.scrollTop = Number(now.getAttribute("y1")) - drawn.clientHeight / 3;
  };

  const roll = (event) => {
    const drawn = event.target;
    if (drawn.matches && drawn.matches("#live > .scroll")) sessionStorage.setItem(location.pathname, `${drawn.scrollLeft} ${drawn.scrollTop}`);
  };

  const focused = () => {
    const told = document.querySelector("[data-focus]");
    if (told) told.focus();
  };

  let listening = false, asked = 0, again = false;

  // The page asks anew for what is drawn; the server answers nothing where nothing has changed. One question at a time,
  // and what happens meanwhile, or while somebody drags, is asked for afterwards.
  const changed = () => {
    const live = document.getElementById("live");
    if (!live || !live.dataset.events || document.hidden) return;
    again = Date.now() - asked < SLOWEST || document.querySelector(".dragging") !== null;
    if (again) return;
    asked = Date.now();
    htmx.trigger(live, "changed");
  };

  const answered = (event) => {
    const source = event.detail && event.detail.ctx && event.detail.ctx.sourceElement;
    if (!source || source.id !== "live") return;
    asked = 0;
    if (again) changed();
  };

  const follow = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "text/event-stream" } });
    if (!answer.ok) throw new Error(`events answered ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    listening = true;
    changed();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (value.includes("event:") || value.includes("data:")) changed();
    }
  };

  const listen = async () => {
    const live = document.querySelector("#live[data-events]");
    if (!live) return;
    for (;;) {
      await follow(live.dataset.events).catch(() => {});
      listening = false;
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  };

  setInterval(() => (listening && !again) || changed(), POLL);
  // The line of the present moment moves on, and who does not come grows late.
  setInterval(changed, 60000);
  document.addEventListener("visibilitychange", changed);
  document.addEventListener("interlock:changed", changed);
  document.addEventListener("htmx:finally:request", answered);
  document.addEventListener("scroll", roll, true);
  document.addEventListener("htmx:after:swap", (event) => {
    ready();
    rolled();
    const target = event.detail && event.detail.ctx && event.detail.ctx.target;
    if (target && target.id === "desk") focused();
  });
  ready();
  rolled();
  focused();
  // Not before htmx has found what it is to ask for.
  addEventListener("load", listen);
})();
