"use strict";
// A week's hours painted with the mouse: a picture of what the field says, which stays the place to type.
(() => {
  const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], DAY = 1440, SNAP = 15;
  const LEFT = 44, TOP = 16, ROW = 26, MINUTE = 0.5;
  const SVG = "http://www.w3.org/2000/svg";

  const read = (text) => {
    const week = DAYS.map(() => []);
    for (const line of text.split("\n").map((one) => one.trim()).filter(Boolean)) {
      const [days, ...times] = line.split(/\s+/), [first, last] = days.split("-").map((name) => DAYS.indexOf(name));
      const spans = times.map((time) => /^(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)$/.exec(time));
      if (first < 0 || last === -1 || !times.length || spans.some((span) => !span)) return null;
      for (let day = first; ; day = (day + 1) % 7) {
        for (const span of spans) {
          const [opens, closes] = [60 * span[1] + +span[2], 60 * span[3] + +span[4]];
          week[day].push([opens, closes > opens ? closes : closes + DAY]);
        }
        if (day === (last === undefined ? first : last)) break;
      }
    }
    return week;
  };

  const clock = (minute) => `${String(Math.floor((minute > DAY ? minute - DAY : minute) / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  const write = (week) =>
    week.map((spans, day) => (spans.length ? `${DAYS[day]} ${spans.map(([a, b]) => `${clock(a)}-${clock(b)}`).join(" ")}` : ""))
      .filter(Boolean).join("\n");

  const without = (spans, from, to) =>
    spans.flatMap(([a, b]) => [[a, Math.min(b, from)], [Math.max(a, to), b]]).filter(([a, b]) => a < b);
  const painted = (spans, from, to) => {
    const touching = spans.filter(([a, b]) => a <= to && b >= from);
    const whole = [Math.min(from, ...touching.map(([a]) => a)), Math.max(to, ...touching.map(([, b]) => b))];
    return [...spans.filter((span) => !touching.includes(span)), whole].sort((a, b) => a[0] - b[0]);
  };

  const shape = (name, values, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };

  const draw = (svg, week) => {
    svg.replaceChildren();
    for (let hour = 0; hour <= 24; hour += 3) svg.append(shape("text", { x: LEFT + hour * 60 * MINUTE, y: 11, class: "hour" }, String(hour)));
    week.forEach((spans, day) => {
      const y = TOP + day * ROW;
      svg.append(shape("text", { x: 0, y: y + 17 }, svg.dataset.names.split("|")[day]));
      svg.append(shape("rect", { x: LEFT, y, width: DAY * MINUTE, height: ROW - 4, rx: 5, class: "track" }));
      for (const [a, b] of spans) svg.append(shape("rect", { x: LEFT + a * MINUTE, y, width: (Math.min(b, DAY) - a) * MINUTE, height: ROW - 4, rx: 5, class: "bar" }));
    });
    for (let hour = 3; hour < 24; hour += 3) svg.append(shape("line", { x1: LEFT + hour * 60 * MINUTE, x2: LEFT + hour * 60 * MINUTE, y1: TOP, y2: TOP + 7 * ROW - 4, class: "hour" }));
  };

  const paint = (field) => {
    const svg = field.form.querySelector("svg.paint");
    let stroke = null;
    const show = () => {
      const week = read(field.value);
      svg.toggleAttribute("hidden", !week);
      if (week) draw(svg, week);
    };
    const at = (event) => {
      const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
      const day = Math.floor(((event.clientY - box.top) * scale - TOP) / ROW);
      const minute = ((event.clientX - box.left) * scale - LEFT) / MINUTE;
      return { day: Math.max(0, Math.min(6, day)), minute: Math.max(0, Math.min(DAY - 1, minute)) };
    };
    const follow = (event) => {
      if (!stroke) return;
      const to = at(event), [first, last] = [stroke.day, to.day].sort((a, b) => a - b);
      const from = Math.floor(Math.min(stroke.minute, to.minute) / SNAP) * SNAP;
      const until = Math.floor(Math.max(stroke.minute, to.minute) / SNAP) * SNAP + SNAP;
      const change = stroke.add ? painted : without;
      field.value = write(stroke.week.map((spans, day) => (day < first || day > last ? spans : change(spans, from, until))));
      show();
    };
    svg.addEventListener("pointerdown", (event) => {
      const week = read(field.value), { day, minute } = at(event);
      if (!week || event.button !== 0) return;
      stroke = { week, day, minute, add: !week[day].some(([a, b]) => a <= minute && minute < b) };
      svg.setPointerCapture(event.pointerId);
      follow(event);
    });
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerup", () => { stroke = null; });
    svg.addEventListener("pointercancel", () => { stroke = null; });
    field.addEventListener("input", show);
    show();
  };

  for (const field of document.querySelectorAll("textarea[data-week]")) paint(field);
})();
