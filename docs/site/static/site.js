// What scrolls can be scrolled with the keyboard too.
document.addEventListener("DOMContentLoaded", () => {
  for (const each of document.querySelectorAll("pre, .table-wrapper, math[display='block']")) {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
  }
});
