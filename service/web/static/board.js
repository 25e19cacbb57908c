"use strict";
// The board without this script has the same forms; with it one can drag, and click where nothing is.
(() => {
  const SNAP = 5, MARGIN = 12, NEAR = 5, INSET = 0.02;
  let drag = null;

  // The lanes share whatever width there is.
  const laneOf = (svg) => svg.getBoundingClientRect().width / svg.dataset.columns.split(" ").length;

  const at = (svg, event) => {
    const box = svg.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const place = (svg, point) => {
    const columns = svg.dataset.columns.split(" "), lane = laneOf(svg), minute = Number(svg.dataset.minute);
    const column = Math.floor(point.x / lane);
    if (column < 0 || column >= columns.length) return null;
    const minutes = Math.max(0, Math.round((point.y - MARGIN) / minute / SNAP) * SNAP);
    const start = new Date((Number(svg.dataset.start) + minutes) * 60000);
    return {
      column, minutes, x: (column + INSET) * lane, y: MARGIN + minutes * minute,
      at: `${columns[column]}~${start.toISOString().replace(".000Z", "+00:00")}`,
    };
  };

  const send = (address, values) =>
    htmx.ajax("POST", address, { target: "#desk", select: "#desk", swap: "outerHTML", values });

  const light = async (svg, key) => {
    const address = new URL(svg.dataset.board, location.href);
    address.pathname += `/bookings/${key}/places`;
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok || !drag || drag.key !== key) return;
    const columns = svg.dataset.columns.split(" "), minute = Number(svg.dataset.minute);
    const lane = laneOf(svg), own = Math.floor(drag.x / lane);
    const group = svg.querySelector("#places");
    for (const [staff, start] of await answer.json()) {
      const column = svg.dataset.move === "rooms" ? own : columns.indexOf(staff);
      if (column < 0) continue;
      const rect = document.createElementNS(svg.namespaceURI, "rect");
      const minutes = Date.parse(start) / 60000 - Number(svg.dataset.start);
      const where = {
        x: (column + INSET) * lane, y: MARGIN + minutes * minute, width: (1 - 2 * INSET) * lane, height: drag.minutes * minute,
      };
      for (const [name, value] of Object.entries(where)) rect.setAttribute(name, value);
      rect.setAttribute("class", "place");
      group.append(rect);
    }
  };

  const begin = (event) => {
    const block = event.target.closest && event.target.closest("a.block");
    if (!block || event.button !== 0 || event.pointerType === "touch") return;
    const svg = block.closest("svg.day"), own = block.querySelector("svg");
    if (!svg.dataset.move || !/\b(confirmed|pending|placed)\b/.test(block.getAttribute("class"))) return;
    drag = {
      block, svg, own, key: block.dataset.key, version: block.dataset.version, minutes: Number(block.dataset.minutes),
      from: at(svg, event), place: own.getAttribute("x"), x: parseFloat(own.getAttribute("x")) * svg.getBoundingClientRect().width / 100,
      y: Number(own.getAttribute("y")), moving: false, aim: null, height: Number(own.getAttribute("height")), longer: event.target.classList.contains("grip"),
    };
  };

  const frame = (x, y, height) => {
    const size = { x, y, width: (1 - 2 * INSET) * laneOf(drag.svg), height };
    for (const [name, value] of Object.entries(size)) drag.aim.setAttribute(name, value);
  };

  const stretch = (dy) => {
    const minute = Number(drag.svg.dataset.minute);
    drag.wanted = Math.max(SNAP, Math.round((drag.minutes + dy / minute) / SNAP) * SNAP);
    drag.own.setAttribute("height", drag.wanted * minute - 1);
    frame(drag.x, drag.y, drag.wanted * minute);
  };

  const follow = (event) => {
    if (!drag) return;
    const point = at(drag.svg, event), dx = point.x - drag.from.x, dy = point.y - drag.from.y;
    if (!drag.moving) {
      if (Math.hypot(dx, dy) < NEAR) return;
      drag.moving = true;
      drag.block.classList.add("dragging");
      drag.aim = document.createElementNS(drag.svg.namespaceURI, "rect");
      drag.aim.setAttribute("class", "aim");
      drag.svg.append(drag.aim);
      if (!drag.longer) light(drag.svg, drag.key);
    }
    if (drag.longer) {
      stretch(dy);
      return;
    }
    drag.own.setAttribute("x", drag.x + dx);
    drag.own.setAttribute("y", drag.y + dy);
    drag.to = place(drag.svg, { x: point.x, y: drag.y + dy });
    if (!drag.to) return;
    // Rooms are found anew for each time: there, a booking moves up and down alone.
    if (drag.svg.dataset.move === "rooms") drag.to.at = `${drag.block.dataset.staff}~${drag.to.at.split("~")[1]}`;
    frame(drag.svg.dataset.move === "rooms" ? drag.x : drag.to.x, drag.to.y, drag.minutes * Number(drag.svg.dataset.minute));
  };

  const put = (done) => {
    drag.block.classList.remove("dragging");
    if (drag.aim) drag.aim.remove();
    drag.svg.querySelector("#places").replaceChildren();
    if (!done) {
      drag.own.setAttribute("x", drag.place);
      drag.own.setAttribute("y", drag.y);
      drag.own.setAttribute("height", drag.height);
    }
    drag = null;
    document.dispatchEvent(new Event("interlock:changed"));
  };

  const drop = () => {
    if (!drag) return;
    const { moving, to, key, version, svg, longer, wanted, minutes } = drag;
    const done = moving && (longer ? wanted !== minutes : to);
    if (moving) addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
    put(done);
    if (!done) return;
    const address = new URL(svg.dataset.board, location.href);
    address.pathname += `/bookings/${key}/${longer ? "length" : "move"}`;
    send(address.pathname + address.search, longer ? { version, minutes: wanted } : { version, at: to.at });
  };

  const empty = (event) => {
    const svg = event.target.closest && event.target.closest("svg.day[data-new]");
    if (!svg || svg.dataset.move === "rooms" || event.target.closest(".block")) return;
    const where = place(svg, at(svg, event));
    if (where) location.assign(svg.dataset.new.replace("NEW", encodeURIComponent(where.at)));
  };

  document.addEventListener("pointerdown", begin);
  document.addEventListener("pointermove", follow);
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", () => drag && put(false));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && drag) put(false); });
  document.addEventListener("dragstart", (event) => { if (event.target.closest("a.block")) event.preventDefault(); });
  document.addEventListener("click", empty);
})();
