// A report that was opened as a file: read the data inside it, and draw.
import { mount, parse } from "./report.jsx";

async function text(script) {
  if (script.type !== "application/gzip") return script.textContent;
  const bytes = Uint8Array.from(atob(script.textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

text(document.getElementById("flopcount-data")).then(
  (found) => mount(document.getElementById("flopcount"), parse(found)),
  (error) => {
    document.getElementById("flopcount").textContent = `This browser cannot unpack the report: ${error.message}`;
  },
);
