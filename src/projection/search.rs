//! What was meant by a few typed letters: names by their characters, their pinyin, its initials, or words; ids and codes by any part.

use pinyin::ToPinyinMulti as _;

use crate::domain::customer::folded;

/// What somebody looks for: words of which every one must be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    words: Vec<String>,
}

/// How well something was found, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// It is the id or the code.
    Named,
    /// The name begins with it.
    Begins,
    /// It stands in the name, the id or the code.
    Within,
    /// It is how characters of the name sound.
    Sounds,
    /// It is how they begin to sound, in part at least.
    Initials,
}

impl Wanted {
    /// Takes what was typed; `None` where nothing was, or more than a name has.
    pub fn of(text: &str) -> Option<Self> {
        let words: Vec<String> = text.split_whitespace().map(folded).filter(|word| !word.is_empty()).collect();
        let fits =
            !words.is_empty() && words.len() <= WORDS_MAX && words.iter().all(|word| word.len() <= WORD_BYTES_MAX);
        fits.then_some(Self { words })
    }

    /// Finds it in a name or in what else something goes by; as well as its least well found word.
    pub fn found_in(&self, name: Option<&str>, others: &[&str]) -> Option<Found> {
        let name = name.map(folded).unwrap_or_default();
        let others: Vec<String> = others.iter().map(|other| folded(other)).collect();
        let mut worst = Found::Named;
        for word in &self.words {
            worst = worst.max(find(word, &name, &others)?);
        }
        Some(worst)
    }
}

fn find(word: &str, name: &str, others: &[String]) -> Option<Found> {
    if others.iter().any(|other| other == word) {
        return Some(Found::Named);
    }
    if name.starts_with(word) {
        return Some(Found::Begins);
    }
    if name.contains(word) || others.iter().any(|other| other.contains(word)) {
        return Some(Found::Within);
    }
    // What has no Latin letter in it cannot be meant as a sound.
    if !word.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let sounds = |initials| sounds_like(word, name, initials);
    if sounds(Initials::No) { Some(Found::Sounds) } else { sounds(Initials::Yes).then_some(Found::Initials) }
}

/// Whether a character may be meant by the beginning of its sound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Initials {
    No,
    Yes,
}

/// Tells whether a word is what some characters in a row sound like, or are, beginning with any of them.
///
/// Whoever is still typing has not finished the last sound, so the end of the word may be the beginning of one. Of a character with
/// several readings any may be meant.
fn sounds_like(word: &str, name: &str, initials: Initials) -> bool {
    // One bit for every place in the word that the characters so far may have led to.
    let mut reached: u128 = 0;
    for character in name.chars() {
        reached |= 1;
        let mut next: u128 = 0;
        for place in 0..word.len() {
            let Some(rest) = word.get(place..).filter(|_| reached >> place & 1 == 1) else { continue };
            let mut step = |length: usize| {
                let end = place + length;
                next |= 1_u128 << end;
                end == word.len()
            };
            if rest.starts_with(character) && step(character.len_utf8()) {
                return true;
            }
            for reading in character.to_pinyin_multi().into_iter().flatten() {
                // On a keyboard without it, ü is typed as v or u.
                for umlaut in ["v", "u"] {
                    let reading = reading.plain().replace('ü', umlaut);
                    if reading.starts_with(rest) && (initials == Initials::Yes || rest.len() > 1 || rest == reading) {
                        return true;
                    }
                    if rest.starts_with(&reading) && step(reading.len()) {
                        return true;
                    }
                    if initials == Initials::Yes {
                        let first = reading.chars().next().map_or(0, char::len_utf8);
                        let double =
                            if ["zh", "ch", "sh"].iter().any(|double| reading.starts_with(double)) { 2 } else { first };
                        for length in [first, double] {
                            if length > 0 && rest.get(..length) == reading.get(..length) && step(length) {
                                return true;
                            }
                        }
                    }
                }
            }
        }
        // Signs between characters are not spoken.
        if !character.is_alphanumeric() {
            next |= reached;
        }
        reached = next;
    }
    false
}

/// The longest word looked for: every place in it has its bit.
const WORD_BYTES_MAX: usize = 120;
const WORDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, name: &str) -> Option<Found> {
        Wanted::of(text).unwrap().found_in(Some(name), &["C-00042", "A-00007"])
    }

    #[test]
    fn a_name_is_found_by_characters_sounds_initials_and_words() {
        let name = "河源合金厂（北方）";
        for (text, expected) in [
            ("河源", Some(Found::Begins)),
            ("合金", Some(Found::Within)),
            ("北方", Some(Found::Within)),
            ("heyuan", Some(Found::Sounds)),
            ("hejin", Some(Found::Sounds)),
            ("HEJINCHANG", Some(Found::Sounds)),
            ("hejinchangbei", Some(Found::Sounds)),
            ("heji", Some(Found::Sounds)),
            ("hyhj", Some(Found::Initials)),
            ("hyhjc", Some(Found::Initials)),
            ("heyhjin", Some(Found::Initials)),
            ("河y合j", Some(Found::Initials)),
            ("河源 hejin", Some(Found::Sounds)),
            ("hjx", None),
            ("合源", None),
            ("yuanhe beifang", Some(Found::Sounds)),
        ] {
            assert_eq!(found(text, name), expected, "{text}");
        }
        assert_eq!(found("alloy", "Heyuan Alloy Works"), Some(Found::Within));
        assert_eq!(found("works HEYUAN", "Heyuan Alloy Works"), Some(Found::Within));
        assert_eq!(found("ＡＬＬＯＹ", "Heyuan Alloy Works"), Some(Found::Within), "wide letters are letters");
    }

    #[test]
    fn a_character_with_several_readings_is_found_by_each() {
        for text in ["chongqing", "zhongqing", "cq", "zq", "chq"] {
            assert!(found(text, "重庆水泵厂").is_some(), "{text}");
        }
        for text in ["yinhang", "yinxing", "lvyou", "luyou"] {
            assert!(found(text, "银行旅游社").is_some() || found(text, "旅游银行").is_some(), "{text}");
        }
        assert_eq!(found("nv", "女士服装"), Some(Found::Sounds));
    }

    #[test]
    fn ids_and_codes_are_found_by_any_part() {
        assert_eq!(found("c-00042", "x"), Some(Found::Named));
        assert_eq!(found("00042", "x"), Some(Found::Within));
        assert_eq!(found("A-00007", "x"), Some(Found::Named));
        assert_eq!(found("C-00043", "x"), None);
    }

    #[test]
    fn nothing_and_too_much_are_not_looked_for() {
        assert_eq!((Wanted::of(" 　"), Wanted::of(&"a".repeat(121))), (None, None));
        assert!(Wanted::of(&"a ".repeat(9)).is_none());
        assert!(found("b", "").is_none());
    }
}
