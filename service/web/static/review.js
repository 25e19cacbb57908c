"use strict";
// A plan slides from the book as it is to the book as it would be; a run in progress leaves its trace.
(() => {
  const KEPT = 400;
  const trace = [];

  const slide = (slider) => {
    const svg = document.querySelector("svg.day"), share = Number(slider.value) / 100;
    const across = svg.getBoundingClientRect().width / 100;
    svg.classList.add("comparing");
    for (const ghost of svg.querySelectorAll("#ghosts > .block")) {
      if (ghost.dataset.came) {
        const [dx, dy] = ghost.dataset.came.split(" ").map(Number);
        ghost.setAttribute("transform", `translate(${(1 - share) * dx * across} ${(1 - share) * dy})`);
      } else {
        ghost.setAttribute("opacity", share);
      }
    }
  };

  const line = (name, index, most, least) => {
    const path = document.querySelector(`.trace .${name}`);
    const known = trace.filter((point) => point[index] !== null);
    const last = trace[trace.length - 1][0] || 1;
    path.setAttribute("points", known.map((p) => `${(100 * p[0]) / last},${28 - (26 * (p[index] - least)) / (most - least || 1)}`).join(" "));
  };

  // Objective and bound draw near to each other; the page keeps what it has seen of them.
  const follow = () => {
    const run = document.querySelector("[data-elapsed]");
    if (!run) return;
    const number = (text) => (text === "" ? null : Number(text));
    trace.push([Number(run.dataset.elapsed), number(run.dataset.objective), number(run.dataset.bound)]);
    if (trace.length > KEPT) trace.shift();
    const seen = trace.flatMap((point) => point.slice(1)).filter((value) => value !== null);
    if (seen.length < 2) return;
    document.querySelector(".trace").removeAttribute("hidden");
    for (const [name, index] of [["objective", 1], ["bound", 2]]) line(name, index, Math.max(...seen), Math.min(...seen));
  };

  const slider = document.querySelector("[data-compare]");
  if (slider) {
    slider.closest("label").hidden = false;
    slider.addEventListener("input", () => slide(slider));
  }
  document.addEventListener("htmx:after:swap", follow);
  follow();
})();
