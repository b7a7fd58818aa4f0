
"use strict";
const form = document.getElementById("filter");
const text = document.getElementById("text");
const outcome = document.getElementById("outcome");
const attribute = document.getElementById("attribute");
const shown = document.getElementById("shown");
const none = document.getElementById("none");
const people = Array.from(document.querySelectorAll("article"), (element) => ({ element, words: "", attributes: null }));

// What is searched is taken from the page the first time, not while it loads.
function prepare(person) {
  if (person.attributes) return;
  person.words = person.element.textContent.toLowerCase();
  person.attributes = new Set(Array.from(person.element.querySelectorAll("tbody th"), (cell) => cell.textContent));
}

function filter() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const person of people) {
    let fits = !outcome.value || person.element.dataset.outcome === outcome.value;
    if (fits && (words.length || attribute.value)) {
      prepare(person);
      fits = words.every((word) => person.words.includes(word)) && (!attribute.value || person.attributes.has(attribute.value));
    }
    person.element.hidden = !fits;
    if (fits) count++;
  }
  shown.value = count === people.length ? people.length + " people" : count + " of " + people.length + " people";
  none.hidden = count > 0;
}

let waiting = 0;
form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(filter, 120);
});
form.addEventListener("reset", () => setTimeout(filter));
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();
