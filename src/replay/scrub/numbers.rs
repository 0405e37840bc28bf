//! Fictional phone numbers and ids: of the same country, the same length, the same shape, and never one that occurs.

use std::collections::BTreeSet;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use super::Known;
use crate::replay::shape::{Chance, another};
use crate::vendor::read::phones::e164;

/// The shortest run of digits that is remembered as occurring, and looked for inside of ids.
const RUN_MIN: usize = 7;

/// How many digits at the end of a phone number are made up; those before say country and network.
const MADE_UP: usize = 7;

/// How often another value is drawn, until one fits.
const TRIES: u32 = 500;

/// Phone numbers and ids, and what became of them.
#[derive(Debug)]
pub(super) struct Numbers {
    seed: [u8; 16],
    /// Digits that occur among the originals, and ids.
    occurring: BTreeSet<String>,
    /// What was given out.
    given: BTreeSet<String>,
    phones: Known,
    ids: Known,
}

impl Numbers {
    pub(super) fn new(seed: [u8; 16]) -> Self {
        let (occurring, given) = (BTreeSet::new(), BTreeSet::new());
        Self { seed, occurring, given, phones: Known::new(), ids: Known::new() }
    }

    pub(super) fn phones(&self) -> usize {
        self.phones.len()
    }

    /// Notes all digits in a text: each run of them, and all those that only signs of phone numbers stand between.
    pub(super) fn note(&mut self, text: &str) {
        let mut run = String::new();
        let mut number = String::new();
        for letter in text.chars().chain(['\n']) {
            if letter.is_ascii_digit() {
                run.push(letter);
                number.push(letter);
                continue;
            }
            self.occurs(&mut run);
            if !" -.()+".contains(letter) {
                self.occurs(&mut number);
            }
        }
        if (4..=128).contains(&text.len()) && text.bytes().any(|byte| byte.is_ascii_digit()) {
            self.occurring.insert(text.to_lowercase());
        }
    }

    fn occurs(&mut self, digits: &mut String) {
        if digits.len() >= 4 {
            self.occurring.insert(std::mem::take(digits));
        }
        digits.clear();
    }

    /// Another phone number in the same form: the signs between its digits stay where they are.
    pub(super) fn phone(&mut self, text: &str) -> String {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let mut new = self.digits(&digits).chars().collect::<Vec<_>>().into_iter();
        let written = text.chars().map(|letter| {
            if letter.is_ascii_digit() { new.next().unwrap_or(letter) } else { letter }
        });
        written.collect()
    }

    /// Another address of WhatsApp's: its number as any other phone number, its domain as it is.
    pub(super) fn jid(&mut self, text: &str) -> String {
        let (user, domain) = text.rsplit_once('@').unwrap_or((text, ""));
        // `<number>:<device>@…`, `<number>-<time>@g.us`
        let at = user.find([':', '-', '_']).unwrap_or(user.len());
        let (first, rest) = user.split_at_checked(at).unwrap_or((user, ""));
        let new = if matches!(domain, "s.whatsapp.net" | "c.us") || !rest.is_empty() {
            self.part(first)
        } else {
            self.id(first)
        };
        let rest = if rest.starts_with('-') { self.id(rest) } else { rest.to_owned() };
        format!("{new}{rest}@{domain}")
    }

    /// Another day, written as this one is, of the same century.
    pub(super) fn day(&mut self, text: &str) -> String {
        let mut new = text.to_owned();
        for count in 0..TRIES {
            let mut chance = Chance::new(&self.seed, &format!("day {text} {count}"));
            let parts = text.split_inclusive(['-', '/', '.']).map(|part| {
                let digits = part.trim_end_matches(['-', '/', '.']);
                let sign = part.get(digits.len()..).unwrap_or_default();
                // A year, a whole date, a month or a day.
                let drawn = match digits.len() {
                    4 => format!("{}{:02}", century(digits), chance.below(100)),
                    8 => {
                        let (year, month) = (chance.below(100), chance.below(12) + 1);
                        format!("{}{year:02}{month:02}{:02}", century(digits), chance.below(28) + 1)
                    }
                    2 => format!("{:02}", chance.below(12) + 1),
                    _ => (chance.below(9) + 1).to_string(),
                };
                drawn + sign
            });
            new = parts.collect();
            if new != text && self.is_free(&new) {
                break;
            }
        }
        new
    }

    fn part(&mut self, text: &str) -> String {
        let is_number = text.len() >= RUN_MIN && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { self.digits(text) } else { self.id(text) }
    }

    /// Another id of the same shape; a phone number that is known and stands in it becomes what it becomes elsewhere.
    pub(super) fn id(&mut self, text: &str) -> String {
        let lower = text.to_lowercase();
        if let Some(new) = self.phones.get(&lower) {
            return new.clone();
        }
        if let Some(new) = self.ids.get(&lower) {
            return cased(new, text);
        }
        let new = match self.around_phone(text) {
            Some(new) => new,
            None => self.drawn(&lower, text),
        };
        self.given.insert(new.to_lowercase());
        self.ids.insert(lower, new.to_lowercase());
        cased(&new, text)
    }

    /// The id with its runs of digits replaced that are phone numbers, and the rest by shape.
    fn around_phone(&mut self, text: &str) -> Option<String> {
        let runs: Vec<&str> = text
            .split(|letter: char| !letter.is_ascii_digit())
            .filter(|run| run.len() >= RUN_MIN && self.phones.contains_key(*run))
            .collect();
        let run = runs.into_iter().max_by_key(|run| run.len())?;
        let number = self.phones.get(run)?.clone();
        let (before, behind) = text.split_once(run)?;
        let shaped =
            |part: &str| if part.len() < 4 { part.to_owned() } else { another(&self.seed, part) };
        Some(format!("{}{number}{}", shaped(before), shaped(behind)))
    }

    fn drawn(&self, lower: &str, text: &str) -> String {
        // A user id that begins with its country keeps it.
        let country = text.bytes().take_while(u8::is_ascii_uppercase).count() == 2
            && text.as_bytes().get(2) == Some(&b'.');
        let keep = if country { 3 } else { 0 };
        let (head, tail) = text.split_at_checked(keep).unwrap_or(("", text));
        let mut new = text.to_owned();
        for count in 0..TRIES {
            let seed = [&self.seed[..], &count.to_be_bytes()].concat();
            new = format!("{head}{}", another(&seed, tail));
            let small = new.to_lowercase();
            if small != lower && !self.occurring.contains(&small) && !self.given.contains(&small) {
                break;
            }
        }
        new
    }

    /// Another number for these digits: the same one for the same phone number, with or without the international prefix.
    fn digits(&mut self, digits: &str) -> String {
        if let Some(known) = self.phones.get(digits) {
            return known.clone();
        }
        if let Some(rest) = digits.strip_prefix("00")
            && e164(rest).is_some()
        {
            return format!("00{}", self.digits(rest));
        }
        let new = self.national(digits).unwrap_or_else(|| self.made_up(digits));
        self.given.insert(new.clone());
        self.phones.insert(digits.to_owned(), new.clone());
        new
    }

    /// A number as it is dialled at home, where the international one is known.
    fn national(&self, digits: &str) -> Option<String> {
        let bare = digits.strip_prefix('0').filter(|bare| bare.len() >= RUN_MIN)?;
        let ends = |(known, _): &(&String, &String)| {
            known.ends_with(bare) && known.len() <= bare.len() + 3
        };
        let (known, new) = self.phones.iter().find(ends)?;
        Some(format!("0{}", new.get(known.len() - bare.len()..)?))
    }

    fn made_up(&self, digits: &str) -> String {
        let country = e164(digits).and_then(|_| country_length(digits));
        let fixed = match country {
            // At least one digit behind the country stays, for it says what kind of number it is.
            Some(length) => (length + 1).max(digits.len().saturating_sub(MADE_UP)),
            None => usize::from(digits.starts_with('0')),
        };
        let (head, tail) = digits.split_at_checked(fixed).unwrap_or(("", digits));
        let mut new = digits.to_owned();
        for count in 0..TRIES {
            let mut chance = Chance::new(&self.seed, &format!("phone {digits} {count}"));
            let drawn = tail
                .chars()
                .map(|_| char::from(b'0' + u8::try_from(chance.below(10)).unwrap_or(0)));
            new = head.chars().chain(drawn).collect();
            let begins_well = country.is_some() || !new.starts_with('0') || digits.starts_with('0');
            if new != digits && begins_well && self.is_free(&new) && is_alike(digits, &new) {
                break;
            }
        }
        new
    }

    fn is_free(&self, new: &str) -> bool {
        !self.occurring.contains(new) && !self.given.contains(new)
    }
}

fn century(digits: &str) -> &str {
    digits.get(..2).unwrap_or_default()
}

/// The id in small letters, in the letter case of `like`.
fn cased(id: &str, like: &str) -> String {
    let letters = id.chars().zip(like.chars()).map(|(letter, like)| {
        if like.is_ascii_uppercase() {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        }
    });
    letters.collect()
}

/// How many of the digits are the country's.
fn country_length(digits: &str) -> Option<usize> {
    let number = PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None).ok()?;
    Some(number.country_code.to_string().len())
}

/// Whether adapters read both alike: possible or not, and valid if the original is.
fn is_alike(digits: &str, new: &str) -> bool {
    let valid = |digits: &str| {
        let number = PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None).ok();
        number.is_some_and(|number| PHONE_NUMBER_UTIL.is_valid_number(&number))
    };
    let kept = |digits: &str| e164(digits).is_some_and(|number| number.len() == digits.len() + 1);
    kept(digits) == kept(new) && (!valid(digits) || valid(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_other_one_in_every_form() {
        let mut numbers = Numbers::new([7; 16]);
        let new = numbers.phone("+6281234567890");
        assert!(
            new.starts_with("+6281") && new != "+6281234567890" && e164(&new).is_some(),
            "{new}"
        );
        let digits = new.trim_start_matches('+').to_owned();
        assert_eq!(numbers.phone("6281234567890"), digits);
        assert_eq!(numbers.phone("006281234567890"), format!("00{digits}"));
        assert_eq!(numbers.phone("081234567890"), format!("0{}", &digits[2..]));
        assert_eq!(numbers.jid("6281234567890@s.whatsapp.net"), format!("{digits}@s.whatsapp.net"));
        assert_eq!(
            numbers.jid("6281234567890:12@s.whatsapp.net"),
            format!("{digits}:12@s.whatsapp.net")
        );
        let spaced = numbers.phone("+62 812-3456-7890");
        assert_eq!(spaced.replace([' ', '-'], ""), new);
        assert!(numbers.id("chat_6281234567890_1").contains(&digits));
    }

    #[test]
    fn no_number_becomes_one_that_occurs_or_that_another_became() {
        let mut numbers = Numbers::new([1; 16]);
        let all: Vec<String> = (0..500).map(|n| format!("4477009{n:05}")).collect();
        for number in &all {
            numbers.note(number);
        }
        let new: BTreeSet<String> = all.iter().map(|number| numbers.phone(number)).collect();
        assert_eq!(new.len(), all.len());
        assert!(all.iter().all(|number| !new.contains(number)));
    }

    #[test]
    fn ids_keep_shape_country_and_letter_case() {
        let mut numbers = Numbers::new([3; 16]);
        let lower = numbers.id("4f290edb-ecd8-4d2e-b9e1-b91570d19f43");
        assert_eq!(numbers.id("4F290EDB-ECD8-4D2E-B9E1-B91570D19F43"), lower.to_uppercase());
        assert!(numbers.id("US.64070605632735634317").starts_with("US."));
        assert_ne!(numbers.id("US.64070605632735634317"), "US.64070605632735634317");
        assert_eq!(numbers.id("000000190441702").len(), 15);
    }
}
