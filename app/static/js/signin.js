// The tick that shows what is typed in a secret field. Without script it is not there.
for (const tick of document.querySelectorAll("[data-shows]")) {
  const field = document.getElementById(tick.dataset.shows);
  tick.hidden = false;
  tick.querySelector("input").addEventListener("change", (event) => {
    field.type = event.target.checked ? "text" : "password";
    field.focus();
  });
}
