// Limits and their verdicts.
import { brief, exact, percent } from "./format.js";

/** Show each limit with its verdict, broken ones first, and whatever could not be checked. */
export function Limits({ check, metrics }) {
  const judged = check.findings.filter((each) => each.limit !== undefined && each.limit !== null);
  const problems = check.findings.filter((each) => !judged.includes(each));
  const rows = [...judged.map((each) => ({ ...each, isBroken: true })), ...check.limits];
  const reasons = check.exempt ?? [];
  return (
    <div>
      {rows.length > 0 && (
        <div class="scroll" role="region" aria-label="Limits and verdicts" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">verdict</th>
                <th scope="col">network</th>
                <th scope="col">what</th>
                <th scope="col" class="number">value</th>
                <th scope="col" class="number">limit</th>
                <th scope="col" class="number">used</th>
                <th scope="col">rule</th>
                <th scope="col">what would fit</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((each, index) => (
                <tr key={index} class={each.isBroken ? (each.level === "warn" ? "warn" : "bad") : ""}>
                  <td>{each.isBroken ? (each.level === "warn" ? "! warning" : "✗ broken") : "✓ holds"}</td>
                  <th scope="row">{[each.path, each.point].filter(Boolean).join(" ")}</th>
                  <td>{[each.scope, metrics[each.metric]?.title ?? each.metric].filter(Boolean).join(" ")}</td>
                  <td class="number" title={exact(each.value)}>{brief(each.value, unitOf(each, metrics))}</td>
                  <td class="number" title={exact(each.limit)}>{brief(each.limit, unitOf(each, metrics))}</td>
                  <td class="number">{percent(each.value, each.limit)}</td>
                  <td>{each.rule}</td>
                  <td>
                    {(each.fits ?? []).map((fit) => `${fit.option} → ${brief(fit.value, unitOf(each, metrics))}`).join(", ")}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {check.archs.some((each) => each.base) && <Changes archs={check.archs} metrics={metrics} />}
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
      {reasons.length > 0 && (
        <ul>
          {reasons.map((each, index) => (
            <li key={index}>exempt: {each.text} ({each.reason})</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Changes({ archs, metrics }) {
  const known = archs.filter((each) => each.base);
  const shown = Object.keys(known[0].base).filter((name) => metrics[name]);
  return (
    <div class="scroll" role="region" aria-label="Changes against the base" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">network</th>
            {shown.flatMap((name) => [
              <th scope="col" class="number" key={name}>{metrics[name].title}</th>,
              <th scope="col" class="number" key={`${name} base`}>at the base</th>,
            ])}
          </tr>
        </thead>
        <tbody>
          {known.map((each, index) => (
            <tr key={index}>
              <th scope="row">{[each.path, each.point].filter(Boolean).join(" ")}</th>
              {shown.flatMap((name) => [
                <td class="number" key={name}>{exact(each[name])}</td>,
                <td class="number" key={`${name} base`}>{exact(each.base[name])}</td>,
              ])}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function unitOf(each, metrics) {
  return metrics[each.metric]?.unit ?? (each.metric?.endsWith("bytes") ? "bytes" : "");
}
