// Numbers and sizes as text.

const PREFIXES = [
  [1e18, "E"],
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Return an integer with all digits in groups of three; a ratio with four digits. */
export function exact(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && !Number.isInteger(value)) return String(value);
  return typeof value === "object" ? shape(value) : value.toLocaleString("en-US");
}

/** Return a number with four digits and a prefix: 4.089 G. */
export function brief(value, unit = "") {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return shape(value);
  const number = Number(value);
  const suffix = unit === "bytes" ? "B" : unit === "seconds" ? "s" : "";
  if (unit === "ratio") return number.toPrecision(4);
  if (unit === "seconds") return seconds(number);
  for (const [factor, prefix] of PREFIXES)
    if (Math.abs(number) >= factor * 0.99995) return `${digits(number / factor)} ${prefix}${suffix}`;
  return `${Number.isInteger(number) ? number : digits(number)}${suffix && ` ${suffix}`}`;
}

function digits(number) {
  const text = number.toPrecision(4);
  return text.includes("e") ? String(Math.round(number)) : text;
}

function seconds(number) {
  for (const [factor, name] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]])
    if (number >= factor * 0.9995) return `${(number / factor).toPrecision(4)} ${name}`;
  return number === 0 ? "0 s" : `${(number * 1e12).toPrecision(4)} ps`;
}

/** Return a part of a whole as a percentage. */
export function percent(part, whole) {
  if (part === null || part === undefined || !Number(whole)) return "";
  const share = (100 * Number(part)) / Number(whole);
  return share > 0 && share < 0.05 ? "<0.1%" : `${share.toFixed(1)}%`;
}

/** Return the share of a layer or block in a network; a metric that does not combine has none. */
export function shareOf(value, total, about) {
  return about.combine === "none" ? "" : percent(value, total);
}

/** Return sizes as 64×56×56; those of several inputs one after the other. */
export function shape(sizes) {
  if (sizes === null || sizes === undefined) return "";
  if (!Array.isArray(sizes))
    return typeof sizes === "object"
      ? Object.entries(sizes)
          .map(([name, each]) => `${name} ${shape(each)}`)
          .join(", ")
      : String(sizes);
  return Array.isArray(sizes[0]) ? sizes.map(shape).join(", ") : sizes.join("×");
}

const LATEX = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "×": "$\\times$",
};

/** Return rows of text as a CSV, Markdown or LaTeX table; `numeric` tells which columns are numbers. */
export const COPIES = {
  CSV: (titles, rows) => [titles, ...rows].map((row) => row.map(csv).join(",")).join("\n") + "\n",
  Markdown: (titles, rows, numeric) =>
    [titles, numeric.map((is) => (is ? "---:" : "---")), ...rows]
      .map((row, line) => `| ${row.map((cell) => (line === 1 ? cell : markdown(cell))).join(" | ")} |`)
      .join("\n") + "\n",
  LaTeX: (titles, rows, numeric) =>
    [
      `\\begin{tabular}{${numeric.map((is) => (is ? "r" : "l")).join("")}}`,
      "\\toprule",
      `${titles.map(latex).join(" & ")} \\\\`,
      "\\midrule",
      ...rows.map((row) => `${row.map(latex).join(" & ")} \\\\`),
      "\\bottomrule",
      "\\end{tabular}",
    ].join("\n") + "\n",
};

function csv(cell) {
  const text = /^[=+\-@\t\r]/.test(cell) && !/^-?[\d.]+$/.test(cell) ? `'${cell}` : String(cell);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function markdown(cell) {
  return String(cell).replace(/[\\|*_`<[~$]/g, "\\$&");
}

function latex(cell) {
  return Array.from(String(cell), (char) => LATEX[char] ?? ("&%$#_{}".includes(char) ? `\\${char}` : char)).join("");
}
