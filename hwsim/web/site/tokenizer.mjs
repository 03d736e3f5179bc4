// The ticket's WordPiece tokenizer with BERT's normalisation, as the `tokenizers` package defines it. What is
// dropped and what is punctuation comes with the site, since browsers know different versions of Unicode.

const LONGEST_WORD = 100;

// Blocks of ideographs, each of which is a word of its own.
const IDEOGRAPHS = [
  [0x3400, 0x4dbf], [0x4e00, 0x9fff], [0xf900, 0xfaff], [0x20000, 0x2a6df], [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f], [0x2b920, 0x2ceaf], [0x2f800, 0x2fa1f],
];

const isSpace = (c) => /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u.test(c);

// Whether a character lies in one of the sorted [first, last] ranges of code points.
function within(ranges, c) {
  const code = c.codePointAt(0);
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle][1] < code) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low][0] <= code;
}

// A list shortened to `most`: its first quarter and its last three quarters (hwsim.tokens.shorten).
export function shorten(list, most) {
  if (list.length <= most) return list;
  const first = Math.floor(most / 4);
  return [...list.slice(0, first), ...list.slice(list.length - (most - first))];
}

export class Tokenizer {
  // description: {vocabulary: {piece: id}, unknown, dropped: ranges, punctuation: ranges}
  constructor({ vocabulary, unknown, dropped, punctuation }) {
    this.vocabulary = new Map(Object.entries(vocabulary));
    this.unknown = unknown;
    this.dropped = dropped;
    this.punctuation = punctuation;
  }

  normalise(text) {
    const kept = (all) => Array.from(all).filter((c) => !within(this.dropped, c));
    const spaced = kept(text).map((c) => (isSpace(c) ? " " : within(IDEOGRAPHS, c) ? ` ${c} ` : c));
    // Letter by letter: the lower case of a whole word depends on its end in Greek.
    return kept(spaced.join("").normalize("NFD")).map((c) => c.toLowerCase()).join("");
  }

  words(text) {
    const found = [];
    let word = "";
    const end = () => {
      if (word) found.push(word);
      word = "";
    };
    for (const c of this.normalise(text)) {
      if (isSpace(c)) end();
      else if (within(this.punctuation, c)) {
        end();
        found.push(c);
      } else word += c;
    }
    end();
    return found;
  }

  // {ids, pieces} of a text.
  encode(text) {
    const pieces = this.words(text).flatMap((word) => this.spell(Array.from(word)) ?? [this.unknown]);
    return { pieces, ids: pieces.map((piece) => this.vocabulary.get(piece)) };
  }

  // The longest pieces from the left, or null if the word cannot be spelt.
  spell(letters) {
    if (letters.length > LONGEST_WORD) return null;
    const pieces = [];
    for (let start = 0; start < letters.length; ) {
      let stop = letters.length;
      const piece = () => (start ? "##" : "") + letters.slice(start, stop).join("");
      while (stop > start && !this.vocabulary.has(piece())) stop--;
      if (stop === start) return null;
      pieces.push(piece());
      start = stop;
    }
    return pieces;
  }
}
