// Limits and their verdicts.
import { exact, percent } from "./format.js";
import { Table } from "./rows.jsx";

/** Show each limit with its verdict, broken ones first, and whatever could not be checked. */
export function Limits({ check, metrics }) {
  const isJudged = (each) => each.limit !== undefined && each.limit !== null;
  const broken = check.findings.filter(isJudged).map((each) => ({ ...each, isBroken: true, kind: each.about }));
  const problems = check.findings.filter((each) => !isJudged(each));
  const held = check.limits.map((each) => ({ ...each, kind: each.name === "max" ? "" : each.name.replaceAll("_", " ") }));
  const rows = [...broken, ...held];
  const known = check.archs.filter((each) => each.base);
  return (
    <div>
      {rows.length > 0 && <Table label="Limits and verdicts" columns={columnsOf(metrics)} rows={rows} look={look} />}
      {known.length > 0 && <Table label="Changes against the base" columns={changesOf(known, metrics)} rows={known} />}
      {problems.length > 0 && (
        <ul>
          {problems.map((each, index) => (
            <li key={index}>
              <strong>{each.code}</strong> {each.path}
              {each.line ? `:${each.line}:${each.column}` : ""}: {each.text}
            </li>
          ))}
        </ul>
      )}
      {check.exempt.length > 0 && (
        <ul>
          {check.exempt.map((each, index) => (
            <li key={index}>exempt: {each.text} ({each.reason})</li>
          ))}
        </ul>
      )}
    </div>
  );
}

const network = { title: "network", isHead: true, cell: (each) => [each.path, each.point].filter(Boolean).join(" ") };

function look(each) {
  return each.isBroken ? (each.level === "warn" ? "warn" : "bad") : "";
}

/** Return the columns of limits. Values have all digits: one that is just above its limit must look so. */
function columnsOf(metrics) {
  const title = (each) => metrics[each.metric]?.title ?? each.metric;
  return [
    { title: "verdict", cell: (each) => ({ bad: "✗ broken", warn: "! warning", "": "✓ holds" })[look(each)] },
    network,
    { title: "what", cell: (each) => [each.scope, title(each), each.kind].filter(Boolean).join(" ") },
    { title: "value", isNumber: true, cell: (each) => exact(each.value) },
    { title: "limit", isNumber: true, cell: (each) => exact(each.limit) },
    { title: "used", isNumber: true, cell: (each) => used(each) },
    { title: "rule", cell: (each) => [each.rule, each.message].filter(Boolean).join(": ") },
    { title: "what would fit", cell: (each) => (each.fits ?? []).map((fit) => `${fit.option} → ${exact(fit.value)}`).join(", ") },
  ];
}

/** Return the share of a limit, as `check` has it; of a broken one only if it is no limit of a change. */
function used({ used: share, value, limit, base, isBroken }) {
  if (!isBroken) return percent(share, 1);
  if (value < limit || (base !== null && base !== undefined)) return "";
  const text = percent(value, limit);
  return text === "100.0%" ? ">100%" : text;
}

function changesOf(known, metrics) {
  return [
    network,
    ...Object.keys(known[0].base)
      .filter((name) => metrics[name])
      .flatMap((name) => [
        { title: metrics[name].title, isNumber: true, cell: (each) => exact(each[name]) },
        { title: "at the base", isNumber: true, cell: (each) => exact(each.base[name]) },
      ]),
  ];
}
