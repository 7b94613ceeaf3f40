// A click on a column's head sorts the table by it; without this the table is complete, too.
for (const head of document.querySelectorAll("th")) {
  head.classList.add("sortable");
  head.addEventListener("click", () => {
    const row = head.parentNode, table = head.closest("table"), body = table.tBodies[0];
    const index = Array.prototype.indexOf.call(row.children, head);
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of row.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (tr) => (tr.cells[index] ? tr.cells[index].dataset.key || "" : "");
    const number = head.classList.contains("number");
    const rows = Array.from(body.rows).sort((a, b) => {
      const x = key(a), y = key(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = number ? parseFloat(x) - parseFloat(y) : x.localeCompare(y);
      return down ? -order : order;
    });
    body.append(...rows);
  });
}
