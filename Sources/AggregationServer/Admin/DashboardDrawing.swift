/// The half of the dashboard's script that draws: elements, tables, charts. Every received value reaches the page by
/// `textContent` or as a number, never as markup.
enum DashboardDrawing {
    /// The text, to stand before what uses it.
    static let script = #"""
        "use strict";
        const byId = (id) => document.getElementById(id);
        const space = "http" + "://www.w3.org/2000/svg";

        function element(name, text, kind) {
          const node = document.createElement(name);
          if (text !== undefined) node.textContent = text;
          if (kind) node.className = kind;
          return node;
        }
        function shape(name, attributes, text) {
          const node = document.createElementNS(space, name);
          for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
          if (text !== undefined) node.textContent = text;
          return node;
        }
        const isNumber = (value) => typeof value === "number" && isFinite(value);
        const number = (value, digits) => isNumber(value) ? value.toFixed(digits === undefined ? 4
          : digits) : "–";
        function short(value) {
          if (!isNumber(value)) return "–";
          const size = Math.abs(value);
          return size !== 0 && (size < 0.001 || size >= 1e5) ? value.toExponential(1)
            : String(Number(value.toPrecision(3)));
        }
        function size(bytes) {
          if (!isNumber(bytes)) return "–";
          let unit = 0;
          while (bytes >= 1024 && unit < 4) { bytes /= 1024; unit += 1; }
          return (unit ? bytes.toFixed(1) : bytes) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][unit];
        }
        function span(seconds) {
          const total = Math.round(Math.abs(seconds));
          if (total < 100) return total + " s";
          if (total < 5400) return Math.round(total / 60) + " min";
          return total < 129600 ? Math.round(total / 3600) + " h" : Math.round(total / 86400) + " days";
        }
        // Seconds since 1970 by the server's clock, going on from the snapshot's: a browser's clock may be wrong.
        let clock = { at: Date.now() / 1000, read: 0 };
        const now = () => clock.at + (performance.now() - clock.read) / 1000;
        function moment(seconds) {
          const node = element("span", "–");
          if (!isNumber(seconds)) return node;
          const distance = seconds - now();
          node.textContent = distance > 0 ? "in " + span(distance) : distance > -2 ? "now"
            : span(distance) + " ago";
          node.title = new Date(seconds * 1000).toLocaleString();
          return node;
        }
        // A time of day, with the date where it is not the day of `other`.
        function hour(seconds, other) {
          const [date, reference] = [new Date(seconds * 1000), new Date(other * 1000)];
          const two = (value) => String(value).padStart(2, "0");
          const text = two(date.getHours()) + ":" + two(date.getMinutes()) + ":"
            + two(date.getSeconds());
          return date.toDateString() === reference.toDateString() ? text : date.getFullYear() + "-"
            + two(date.getMonth() + 1) + "-" + two(date.getDate()) + " " + text.slice(0, 5);
        }

        function cell(name, value) {
          const node = element("td");
          node.dataset.name = name;
          if (value instanceof Node) node.append(value); else node.textContent = value;
          return node;
        }
        function fill(table, names, rows) {
          const head = element("tr");
          head.append(...names.map((name) => element("th", name)));
          byId(table).replaceChildren(head, ...rows.map((row) => {
            const line = element("tr");
            line.append(...row.map((value, index) => cell(names[index], value)));
            return line;
          }));
        }
        function define(list, pairs) {
          byId(list).replaceChildren(...pairs.map(([name, value, kind]) => {
            const box = element("div");
            const text = element("dd", value instanceof Node ? undefined : value, kind);
            if (value instanceof Node) text.append(value);
            box.append(element("dt", name), text);
            return box;
          }));
        }

        // A line over time: `points` are [round, seconds since 1970, value]; `bound` is a value that must not be
        // passed. Every point tells its round, time and value under the pointer.
        function chart(title, points, digits, bound) {
          const figure = element("figure");
          const caption = element("figcaption", title);
          const end = points[points.length - 1];
          caption.append(element("span", end ? number(end[2], digits) : "nothing yet"));
          figure.append(caption);
          const [width, height, left, right, top, bottom] = [340, 164, 44, 10, 10, 34];
          const svg = shape("svg", { viewBox: "0 0 " + width + " " + height, role: "img",
            "aria-label": title + (end ? ", " + number(end[2], digits) + " in round " + end[0] : "") });
          figure.append(svg);
          const values = points.map((point) => point[2]).concat(isNumber(bound) ? [bound] : []);
          let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
          if (high - low < 1e-9) { low -= Math.max(1e-3, Math.abs(low) * 0.05); high += Math.max(1e-3,
            Math.abs(high) * 0.05); }
          const [first, last] = end ? [points[0][1], end[1]] : [0, 1];
          const x = (time) => left + (width - left - right) * (last > first
            ? (time - first) / (last - first) : 0.5);
          const y = (value) => top + (height - top - bottom) * (high - value) / (high - low);
          for (const value of [low, (low + high) / 2, high]) {
            svg.append(shape("line", { class: "axis", x1: left, x2: width - right, y1: y(value),
              y2: y(value) }),
              shape("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, short(value)));
          }
          if (isNumber(bound)) {
            svg.append(shape("line", { class: "bound", x1: left, x2: width - right, y1: y(bound),
              y2: y(bound) }));
          }
          if (!end) return figure;
          const label = (place, anchor, time, round) => svg.append(
            shape("text", { x: place, y: height - 19, "text-anchor": anchor }, hour(time, now())),
            shape("text", { x: place, y: height - 5, "text-anchor": anchor }, round));
          if (last > first) {
            label(left, "start", first, "round " + points[0][0]);
            label(width - right, "end", last, "round " + end[0]);
          } else label(x(first), "middle", first, "round " + end[0]);
          svg.append(shape("polyline", { class: "curve",
            points: points.map((point) => x(point[1]).toFixed(1) + "," + y(point[2]).toFixed(1)).join(" ") }));
          svg.append(shape("circle", { class: "dot", r: 3, cx: x(end[1]), cy: y(end[2]) }));
          const step = Math.ceil(points.length / 120);
          points.forEach(([round, time, value], index) => {
            if (index % step && index < points.length - 1) return;
            const hit = shape("circle", { class: "hit", r: 6, cx: x(time), cy: y(value) });
            hit.append(shape("title", {}, "round " + round + ", " + hour(time, now()) + ": "
              + number(value, digits)));
            svg.append(hit);
          });
          return figure;
        }

        // One bar in parts: [class, count].
        function parts(counts, label) {
          const total = Math.max(1, counts.reduce((sum, [, count]) => sum + count, 0));
          const svg = shape("svg", { viewBox: "0 0 100 3", preserveAspectRatio: "none", height: 14,
            role: "img", "aria-label": label });
          let start = 0;
          for (const [kind, count] of counts) {
            svg.append(shape("rect", { class: kind, x: start, y: 0, height: 3,
              width: 100 * count / total }));
            start += 100 * count / total;
          }
          return svg;
        }

        """#
}
