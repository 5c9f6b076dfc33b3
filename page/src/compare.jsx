// Several networks side by side, and what changed between them.
import { useState } from "preact/hooks";
import { brief, exact, shape } from "./format.js";
import { Table } from "./rows.jsx";

/** Show the totals of several networks with ratios to the first. */
export function Totals({ compare, networks, metrics, metric, current, onChoose }) {
  const shown = [...new Set(["params", metric, "macs"])].filter((name) => metrics[name] && compare.archs[0][name] !== undefined);
  const most = (name) => compare.archs.reduce((one, each) => Math.max(one, Number(each[name])), 0) || 1;
  const columns = [
    {
      title: "network",
      isHead: true,
      cell: (_, index) => (
        <button type="button" class="plain" aria-pressed={index === current} onClick={() => onChoose(index)}>
          {networks[index].name}
          {networks[index].count.at_least && " (at least)"}
        </button>
      ),
    },
    { title: "input", cell: (each) => shape(each.input) },
    ...shown.flatMap((name) => [
      {
        title: metrics[name].title,
        isNumber: true,
        cell: (each) => (
          <>
            <span class="track">
              <span style={{ width: `${(100 * Number(each[name])) / most(name)}%` }} />
            </span>
            {exact(each[name])}
          </>
        ),
      },
      {
        title: "ratio",
        isNumber: true,
        cell: (each) => each[`${name}_ratio`]?.toPrecision(4) ?? "",
        digits: (each) => String(each[`${name}_ratio`] ?? ""),
      },
    ]),
  ];
  return <Table label="Networks" columns={columns} rows={compare.archs} look={(_, index) => (index === current ? "selected" : "")} />;
}

const SIGNS = { added: "+", removed: "−", changed: "~", moved: "↕", renumbered: "#", same: "" };
const PAGE = 100;
const SHORT = 20;

/** Show what changed from one network to another, layer by layer; a long list is folded, so that the charts stay in sight. */
export function Diff({ diff, names, metrics, metric, isOnly }) {
  const [most, setMost] = useState(PAGE);
  const name = diff.delta[metric] === undefined ? Object.keys(diff.delta).at(-1) : metric;
  const title = metrics[name]?.title ?? name;
  const side = (key, heading) => ({
    title: heading,
    isNumber: true,
    cell: (row) => brief(row[`${name}_${key}`], metrics[name]?.unit),
    digits: (row) => exact(row[`${name}_${key}`]),
  });
  const columns = [
    { title: "change", cell: (row) => `${SIGNS[row.status] ?? ""} ${row.status}` },
    { title: "layer", isHead: true, cell: (row) => row.layer },
    { title: "type", cell: (row) => row.type },
    { title: "what", cell: (row) => row.changed },
    side("before", `${title} before`),
    side("after", "after"),
    { title: "difference", isNumber: true, cell: (row) => signed(row[`${name}_delta`]) },
  ];
  const counted = Object.entries(diff.numbers).filter(([, number]) => number);
  return (
    <details class="diff" open={isOnly && diff.layers.length <= SHORT}>
      <summary>
        From {names[0]} to {names[1]}, layer by layer
        <span class="about">
          {counted.map(([what, number]) => `${number} ${what}`).join(" · ")}
          {[...new Set(["params", "macs", metric])]
            .filter((key) => diff.delta[key] !== undefined && diff.delta[key] !== null)
            .map((key) => ` · ${signed(diff.delta[key])} ${metrics[key]?.title ?? key}`)}
        </span>
      </summary>
      {diff.layers.length > 0 && (
        <Table label={`Changes from ${names[0]} to ${names[1]}`} columns={columns} rows={diff.layers.slice(0, most)} look={(row) => row.status} />
      )}
      {diff.layers.length > most && (
        <p class="hint">
          {most} of {diff.layers.length} rows. <button type="button" onClick={() => setMost(most + 10 * PAGE)}>Show more</button>
        </p>
      )}
    </details>
  );
}

function signed(value) {
  if (value === null || value === undefined) return "";
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${exact(value < 0 ? -value : value)}`;
}
