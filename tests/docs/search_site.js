// Ask the search of a built site, with the site's own scripts and index: node search_site.js SITE < queries.json
//
// Reads a list of queries, and prints for each the pages and titles that a reader sees, the best ones first. What the scripts need
// of a browser while they search is little: they remove the children of an element, and look at no page.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const site = process.argv[2];
const queries = JSON.parse(fs.readFileSync(0, "utf8"));

// The scripts of search.html in its order. Those of the theme draw the page, and take no part in the search.
const page = fs.readFileSync(path.join(site, "search.html"), "utf8");
const ofTheTheme = /furo|clipboard|copybutton|design-tabs|theme/;
const scripts = [...page.matchAll(/<script[^>]* src="([^"?]+)/g)].map((found) => found[1]);

const element = { lastChild: null };
const browser = vm.createContext({
  document: { documentElement: { dataset: {} }, getElementById: () => element, addEventListener: () => {}, readyState: "loading" },
  localStorage: { setItem: () => {} },
  console,
});
browser.window = browser;
for (const script of scripts.filter((name) => !ofTheTheme.test(name))) {
  vm.runInContext(fs.readFileSync(path.join(site, script), "utf8"), browser, { filename: script });
}

browser.queries = queries;
const results = vm.runInContext(
  `queries.map((query) => {
    const [text, terms, excluded, highlighted, objects] = Search._parseQuery(query);
    return Search._performSearch(text, terms, excluded, highlighted, objects).reverse().map((result) => [result[0], result[1]]);
  })`,
  browser,
);
console.log(JSON.stringify(results));
