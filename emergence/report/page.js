"use strict";
// Without this script the page is whole: the pictures stand where the plots are put.
(function () {
  const $ = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const SVG = document.querySelector("svg.mini").namespaceURI;
  const W = 760, H = 340, LEFT = 56, RIGHT = 96, TOP = 14, BOTTOM = 42;
  const AXES = { loss: "pre-training loss (nats per token)", compute: "training compute 6 N D (FLOP)", tokens: "training tokens" };

  function make(name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function ends(values) { return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))]; }
  function said(value) {
    const size = Math.abs(value);
    return size !== 0 && (size >= 1e5 || size < 1e-3) ? value.toExponential(2).replace("e+", "e") : String(Number(value.toPrecision(5)));
  }

  // A scale from values to pixels, with round ticks; compute and tokens are logarithmic.
  function scale(values, from, to, log) {
    const of = (v) => log ? Math.log10(v) : v;
    let [low, high] = ends(values).map(of);
    const room = 0.03 * (high - low || 1);
    low -= room; high += room;
    const map = (v) => from + (to - from) * (of(v) - low) / (high - low);
    const raw = (high - low) / 6, ten = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((m) => m * ten).find((s) => s >= raw);
    map.ticks = [];
    if (log) {
      const every = high - low < 2 ? [1, 2, 5] : [1];
      for (let e = Math.floor(low); e <= high; e++) every.forEach((m) => map.ticks.push(m * Math.pow(10, e)));
      map.ticks = map.ticks.filter((v) => of(v) >= low && of(v) <= high);
      while (map.ticks.length > 7) map.ticks = map.ticks.filter((_, i) => i % 2 === 0);
    } else for (let k = Math.ceil(low / step); k * step <= high; k++) map.ticks.push(Number((k * step).toPrecision(12)));
    return map;
  }

  function frame(svg, x, y, data, axis) {
    x.ticks.forEach((t) => {
      svg.append(make("line", { x1: x(t), x2: x(t), y1: TOP, y2: H - BOTTOM, stroke: "#e5e7eb" }),
        make("text", { x: x(t), y: H - BOTTOM + 16, "text-anchor": "middle", fill: "#374151" }, said(t)));
    });
    y.ticks.forEach((t) => {
      svg.append(make("line", { x1: LEFT, x2: W - RIGHT, y1: y(t), y2: y(t), stroke: "#e5e7eb" }),
        make("text", { x: LEFT - 6, y: y(t) + 4, "text-anchor": "end", fill: "#374151" }, said(t)));
    });
    svg.append(make("text", { x: (LEFT + W - RIGHT) / 2, y: H - 8, "text-anchor": "middle", fill: "#374151" }, AXES[axis]),
      make("text", { x: 14, y: H / 2, "text-anchor": "middle", fill: "#374151", transform: `rotate(-90 14 ${H / 2})` }, data.metric),
      make("line", { x1: LEFT, x2: W - RIGHT, y1: y(data.chance), y2: y(data.chance), stroke: "#6b7280", "stroke-dasharray": "5 4" }));
    if (data.sizes.length <= 12) data.sizes.forEach(([name, color], i) => {
      const at = TOP + 12 + 16 * i;
      svg.append(make("circle", { cx: W - RIGHT + 14, cy: at - 4, r: 4, fill: color }),
        make("text", { x: W - RIGHT + 24, y: at, fill: "#374151" }, name));
    });
  }

  function draw(box, data, axis) {
    const xs = data.x[axis], high = data.curves.flatMap((c) => c.y);
    const ends_x = axis === "loss" ? [W - RIGHT, LEFT] : [LEFT, W - RIGHT];
    const x = scale(xs, ...ends_x, axis !== "loss");
    const y = scale([...data.y, data.chance, ...high], H - BOTTOM, TOP, false);
    const svg = make("svg", { class: "plot", viewBox: `0 0 ${W} ${H}`, role: "img", tabindex: 0, "aria-label": box.dataset.name + " against " + AXES[axis] + "; arrow keys read the points" });
    frame(svg, x, y, data, axis);
    if (axis === "loss") {
      if (data.eta) {
        const [eta, low, top] = data.eta;
        const edge = (v) => Math.min(Math.max(x(v), LEFT), W - RIGHT), a = edge(top), b = edge(low);
        svg.append(make("rect", { x: a, y: TOP, width: Math.max(b - a, 0), height: H - TOP - BOTTOM, fill: "#c2410c", opacity: 0.1 }),
          make("line", { x1: edge(eta), x2: edge(eta), y1: TOP, y2: H - BOTTOM, stroke: "#c2410c", "stroke-dasharray": "2 3" }),
          make("text", { x: edge(eta) - 5, y: TOP + 10, "text-anchor": "end", fill: "#c2410c" }, "eta " + eta.toFixed(3)));
      }
    }
    data.y.forEach((v, i) => svg.append(make("circle", { cx: x(xs[i]), cy: y(v), r: 2.8, fill: data.sizes.length ? data.sizes[data.size[i]][1] : "#1f2937", opacity: 0.75 })));
    if (axis === "loss") data.curves.forEach((c) => svg.append(make("polyline", {
      points: c.x.map((v, i) => x(v).toFixed(1) + "," + y(c.y[i]).toFixed(1)).join(" "), fill: "none", stroke: c.color, "stroke-width": data.curves.length > 2 ? 1 : 1.8 })));
    hover(box, svg, data, xs.map((v, i) => [x(v), y(data.y[i])]));
    const before = box.querySelector("svg.plot");
    if (before) before.replaceWith(svg); else box.append(svg);
  }

  function hover(box, svg, data, places) {
    const ring = make("circle", { r: 6, fill: "none", stroke: "#111827", "stroke-width": 1.6, visibility: "hidden" });
    const tip = box.querySelector(".tip");
    svg.append(ring);
    let now = -1;
    function show(i) {
      now = i;
      const [px, py] = places[i], k = svg.getBoundingClientRect().width / W;
      const lines = [data.metric + " " + said(data.y[i])];
      for (const name in AXES) if (data.x[name]) lines.push(name + " " + said(data.x[name][i]));
      if (data.runs.length) lines.push("run " + data.runs[data.run[i]]);
      ring.setAttribute("cx", px); ring.setAttribute("cy", py); ring.setAttribute("visibility", "visible");
      tip.textContent = lines.join("\n");
      tip.hidden = false;
      const across = px * k > box.clientWidth / 2 ? px * k - tip.offsetWidth - 12 : px * k + 12;
      tip.style.left = Math.max(0, across) + "px";
      tip.style.top = svg.getBoundingClientRect().top - box.getBoundingClientRect().top + py * k + 8 + "px";
    }
    function hide() { tip.hidden = true; ring.setAttribute("visibility", "hidden"); now = -1; }
    svg.addEventListener("pointermove", (event) => {
      const r = svg.getBoundingClientRect(), mx = (event.clientX - r.left) * W / r.width, my = (event.clientY - r.top) * H / r.height;
      let best = -1, least = 900;
      places.forEach(([px, py], i) => { const d = (px - mx) ** 2 + (py - my) ** 2; if (d < least) { least = d; best = i; } });
      if (best >= 0) show(best); else hide();
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!by) return;
      event.preventDefault();
      show((now + by + places.length) % places.length);
    });
  }

  function upgrade(box) {
    if (box.querySelector("svg.plot")) return;
    const data = JSON.parse(box.querySelector("script").textContent);
    // Lists of numbers travel as text.
    [[data, ["y", "size", "run"]], [data.x, Object.keys(data.x)], ...data.curves.map((c) => [c, ["x", "y"]])].forEach(
      ([of, names]) => names.forEach((name) => { of[name] = of[name] ? of[name].split(" ").map(Number) : []; }));
    const axes = Object.keys(AXES).filter((name) => data.x[name]), tip = document.createElement("div");
    tip.className = "tip"; tip.hidden = true; tip.setAttribute("role", "status");
    box.append(tip);
    if (axes.length > 1) {
      const set = document.createElement("fieldset"), title = document.createElement("legend");
      title.textContent = "axis"; set.append(title);
      axes.forEach((name, i) => {
        const label = document.createElement("label"), radio = document.createElement("input");
        radio.type = "radio"; radio.name = box.id; radio.value = name; radio.checked = i === 0;
        radio.addEventListener("change", () => draw(box, data, name));
        label.append(radio, " " + name); set.append(label);
      });
      box.append(set);
    }
    draw(box, data, axes[0]);
    if (data.of > data.y.length) { const p = document.createElement("p"); p.className = "soft"; p.textContent = `${data.y.length} of ${data.of} points are drawn here.`; box.append(p); }
    const image = box.querySelector("img");
    if (image) image.hidden = true;
  }
  const seen = new IntersectionObserver((entries) => entries.forEach((e) => { if (e.isIntersecting) { seen.unobserve(e.target); upgrade(e.target); } }), { rootMargin: "600px" });
  $(".plotted").forEach((box) => seen.observe(box));

  // Figures travel packed in the page; a click unpacks the one that is asked for.
  $("a[data-packed]").forEach((link) => link.addEventListener("click", async (event) => {
    event.preventDefault();
    const packed = Uint8Array.from(atob(link.dataset.packed), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const blob = await new Response(stream, { headers: { "Content-Type": link.type } }).blob();
    const out = document.createElement("a");
    out.href = URL.createObjectURL(blob); out.download = link.download; out.click();
    setTimeout(() => URL.revokeObjectURL(out.href), 10000);
  }));

  const input = document.getElementById("filter"), shown = document.getElementById("shown");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/), rows = $("#verdicts tbody tr");
    let n = 0;
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((w) => text.includes(w));
      n += !row.hidden;
    });
    shown.textContent = input.value ? n + " of " + rows.length : "";
  });
  window.addEventListener("beforeprint", () => {
    $("details").forEach((d) => { d.open = true; });
    $(".plotted").forEach(upgrade);
    $("img[loading]").forEach((i) => { i.loading = "eager"; });
  });

  $("#verdicts th button").forEach((button) => button.addEventListener("click", () => {
    const head = button.parentElement, body = document.querySelector("#verdicts tbody"), column = head.cellIndex;
    const up = head.getAttribute("aria-sort") !== "ascending";
    $("#verdicts th").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => { const c = row.cells[column]; return c.dataset.v !== undefined ? c.dataset.v : c.textContent.trim(); };
    Array.from(body.rows).sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      return up ? order : -order;
    }).forEach((row) => body.appendChild(row));
  }));
})();
