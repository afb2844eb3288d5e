// How the search of this site ranks pages. Sphinx puts this behind its own search (`html_search_scorer` in conf.py).
//
// Sphinx shows only pages that have every word of a query, gives a page the score of its best word, and links to the
// top of the page. Here rare words count more than frequent ones, a page may lack a word, and the link goes to the
// section that has most words of the query. So a whole question can be asked, and is answered by the right paragraph.
// searchSections comes from sections.py.
"use strict";

const searchRanking = {
  inText: 1,
  inTitle: 2,
  inHeading: 2,
  // Words that are near each other count again.
  inSection: 1,
  // A result links to a section that has this part of the words, counted by their rarity; otherwise to the page.
  linked: 0.5,
  // A word that no page has may be a part of one that some have.
  partial: 0.5,
  // The best page comes before names of the API, unless the query is one word: that may be such a name.
  best: 20,
  bestOfOneWord: 14,
  // Pages with less than this part of the best score are not shown.
  shown: 0.4,
  // Pages that have many words and answer few questions of users.
  pages: {
    "reference/api/": 0.5,
    "changelog": 0.5,
    "contributing": 0.5,
    "fuzz-report": 0.5,
    "fuzzing": 0.6,
    "conformance": 0.6,
    "explanation/architecture": 0.6,
    "performance": 0.7,
    "embedding": 0.7,
    "reference/command-line": 0.8,
  },
};

const searchStems = (text) => {
  const stemmer = new Stemmer();
  return new Set(splitQuery(text.toLowerCase()).map((word) => stemmer.stemWord(word)));
};

// Return a map from pages that have the word to what it is worth there.
const searchPagesOf = (word) => {
  const pages = new Map();
  for (const [table, worth] of [
    [Search._index.terms, searchRanking.inText],
    [Search._index.titleterms, searchRanking.inTitle],
  ]) {
    const exact = Object.hasOwn(table, word);
    const found = exact ? [word] : word.length > 2 ? Object.keys(table).filter((term) => term.includes(word)) : [];
    for (const page of found.flatMap((term) => table[term])) {
      const counts = exact ? worth : worth * searchRanking.partial;
      pages.set(page, Math.max(counts, pages.get(page) ?? 0));
    }
  }
  return pages;
};

Search.performTermsSearch = (words, excluded) => {
  const { docnames, filenames, titles, alltitles } = Search._index;
  const rarity = new Map();
  const scores = new Map();
  for (const word of words) {
    const pages = searchPagesOf(word);
    rarity.set(word, pages.size ? Math.log(1 + docnames.length / pages.size) : 0);
    for (const [page, worth] of pages) scores.set(page, (scores.get(page) ?? 0) + worth * rarity.get(word));
  }
  for (const word of excluded) for (const page of searchPagesOf(word).keys()) scores.delete(page);

  const all = [...rarity.values()].reduce((sum, worth) => sum + worth, 0);
  const worthOf = (stems) => [...words].reduce((sum, word) => sum + (stems.has(word) ? rarity.get(word) : 0), 0);
  // For each page the section that answers best: [worth, anchor, heading].
  const sections = new Map();
  for (const [heading, places] of Object.entries(alltitles)) {
    const inHeading = searchRanking.inHeading * worthOf(searchStems(heading));
    for (const [page, anchor] of places) {
      const stems = new Set((searchSections[docnames[page]]?.[anchor] ?? "").split(" "));
      const worth = inHeading + searchRanking.inSection * worthOf(stems);
      if (worth > (sections.get(page)?.worth ?? 0)) sections.set(page, { heading, anchor, worth });
    }
  }

  const results = [...scores].map(([page, score]) => {
    const best = sections.get(page);
    const folder = Object.keys(searchRanking.pages).find((start) => docnames[page].startsWith(start));
    const total = (score + (best?.worth ?? 0)) * (searchRanking.pages[folder] ?? 1);
    const inside = best?.anchor && best.heading !== titles[page] && best.worth >= searchRanking.linked * all;
    const title = inside ? `${titles[page]} > ${best.heading}` : titles[page];
    return [docnames[page], title, inside ? `#${best.anchor}` : "", null, total, filenames[page], SearchResultKind.text];
  });
  const highest = Math.max(0, ...results.map((result) => result[4]));
  const scale = (words.size > 1 ? searchRanking.best : searchRanking.bestOfOneWord) / highest;
  const shown = results.filter((result) => result[4] >= searchRanking.shown * highest);
  for (const result of shown) result[4] *= scale;
  return shown;
};
