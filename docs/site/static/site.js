// A page that is opened from a disk cannot read others: the results of a search then have no excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// What scrolls can be scrolled with the keyboard too.
document.addEventListener("DOMContentLoaded", () => {
  for (const each of document.querySelectorAll("pre, .table-wrapper, .equation")) {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
  }
  for (const each of document.querySelectorAll("[role='heading']:not([aria-level])")) each.ariaLevel = "2";
});
