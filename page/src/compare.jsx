// Several networks side by side, and what changed between them.
import { useState } from "preact/hooks";
import { brief, exact } from "./format.js";

/** Show the totals of several networks with ratios to the first. */
export function Totals({ compare, networks, metrics, metric, current, onChoose }) {
  const shown = [...new Set(["params", metric, "macs"])].filter((name) => metrics[name] && compare.archs[0][name] !== undefined);
  const most = Object.fromEntries(shown.map((name) => [name, Math.max(...compare.archs.map((each) => Number(each[name])))]));
  return (
    <div class="scroll" role="region" aria-label="Networks" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">network</th>
            <th scope="col">input</th>
            {shown.flatMap((name) => [
              <th scope="col" class="number" key={name}>{metrics[name].title}</th>,
              <th scope="col" class="number" key={`${name}_ratio`}>ratio</th>,
            ])}
          </tr>
        </thead>
        <tbody>
          {compare.archs.map((each, index) => (
            <tr key={index} class={index === current ? "selected" : ""}>
              <th scope="row">
                <button type="button" class="plain" aria-pressed={index === current} onClick={() => onChoose(index)}>
                  {networks[index].name}
                </button>
              </th>
              <td class="shape">{Array.isArray(each.input) ? each.input.join("×") : ""}</td>
              {shown.flatMap((name) => [
                <td class="number" key={name} title={exact(each[name])}>
                  <span class="track">
                    <span style={{ width: `${(100 * Number(each[name])) / (most[name] || 1)}%` }} />
                  </span>
                  {exact(each[name])}
                </td>,
                <td class="number" key={`${name}_ratio`} title={String(each[`${name}_ratio`] ?? "")}>
                  {each[`${name}_ratio`] === null || each[`${name}_ratio`] === undefined ? "" : each[`${name}_ratio`].toPrecision(4)}
                </td>,
              ])}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const SIGNS = { added: "+", removed: "−", changed: "~", moved: "↕", renumbered: "#", same: "" };
const PAGE = 100;

/** Show what changed from one network to another, layer by layer. */
export function Diff({ diff, names, metrics, metric, isOpen }) {
  const [most, setMost] = useState(PAGE);
  const name = diff.delta[metric] === undefined ? Object.keys(diff.delta).at(-1) : metric;
  const title = metrics[name]?.title ?? name;
  const counted = Object.entries(diff.numbers).filter(([, number]) => number);
  return (
    <details class="diff" open={isOpen}>
      <summary>From {names[0]} to {names[1]}</summary>
      <p>
        {counted.map(([what, number]) => `${number} ${what}`).join(" · ")}
        {[...new Set(["params", "macs", metric])]
          .filter((key) => diff.delta[key] !== undefined && diff.delta[key] !== null)
          .map((key) => ` · ${signed(diff.delta[key])} ${metrics[key]?.title ?? key}`)}
      </p>
      {diff.layers.length > 0 && (
        <div class="scroll" role="region" aria-label={`Changes from ${names[0]} to ${names[1]}`} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">change</th>
                <th scope="col">layer</th>
                <th scope="col">type</th>
                <th scope="col">what</th>
                <th scope="col" class="number">{title} before</th>
                <th scope="col" class="number">after</th>
                <th scope="col" class="number">difference</th>
              </tr>
            </thead>
            <tbody>
              {diff.layers.slice(0, most).map((row, index) => (
                <tr key={index} class={row.status}>
                  <td>{SIGNS[row.status] ?? ""} {row.status}</td>
                  <th scope="row">{row.layer}</th>
                  <td>{row.type}</td>
                  <td>{row.changed}</td>
                  <td class="number" title={exact(row[`${name}_before`])}>{brief(row[`${name}_before`], metrics[name]?.unit)}</td>
                  <td class="number" title={exact(row[`${name}_after`])}>{brief(row[`${name}_after`], metrics[name]?.unit)}</td>
                  <td class="number" title={signed(row[`${name}_delta`])}>{signed(row[`${name}_delta`])}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
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
