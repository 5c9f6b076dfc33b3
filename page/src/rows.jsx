// A table of plain rows, in a region that scrolls by itself.

/**
 * Draw rows. A column has a `title` and a `cell`, functions of a row; `isHead` marks the one that names the row,
 * `isNumber` those of numbers, `digits` is what hovering tells, and `look` the class of a cell.
 */
export function Table({ label, columns, rows, look }) {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }, at) => (
              <th key={at} scope="col" class={isNumber ? "number" : ""}>{title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index} class={look?.(row, index)}>
              {columns.map((column, at) => <Cell key={at} row={row} index={index} {...column} />)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ row, index, cell, digits, isHead, isNumber, look }) {
  if (isHead) return <th scope="row">{cell(row, index)}</th>;
  return (
    <td class={look?.(row) ?? (isNumber ? "number" : "")} title={digits?.(row)}>{cell(row, index)}</td>
  );
}
