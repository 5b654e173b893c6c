// What Sphinx and its theme leave out: keys can scroll what is wider than the page, and the titles
// of the parts at the side are headings of a level.
addEventListener("DOMContentLoaded", () => {
  for (const wide of document.querySelectorAll(".table-wrapper, .highlight pre")) wide.tabIndex = 0;
  for (const title of document.querySelectorAll("p.caption[role=heading]")) title.ariaLevel = "2";
});
