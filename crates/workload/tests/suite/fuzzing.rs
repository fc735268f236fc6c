//! Nothing that anyone writes makes the parser, the checker, the compiler, the formatter or the interpreter panic.

use workload::emit::{Language, emit};
use workload::format::format;
use workload::lexer::tokens;
use workload::splitmix::SplitMix64;
use workload::{Bare, Options, Workload, interpret};

use crate::support::gallery;

const SEED: u64 = 20_240_101;

/// Does everything that can be done with a source.
fn exercise(source: &str) {
    if let Ok(formatted) = format("fuzz.wl", source) {
        let again = format("fuzz.wl", &formatted).unwrap_or_else(|problems| panic!("{problems}\n{formatted}"));
        assert_eq!(again, formatted, "formatting twice changes nothing");
    }
    match Workload::parse("fuzz.wl", source) {
        Err(problems) => {
            assert!(!problems.all.is_empty());
            if source.len().is_multiple_of(8) {
                assert!(!problems.render(false).is_empty());
            }
        }
        Ok(workload) => {
            let code = workload.compile(&[]).expect("no overrides, no errors");
            let options = Options { steps_max: 3000, output_bytes_max: 10_000, ..Options::default() };
            interpret::run(&code, &mut Bare::with_room(10_000), &options);
            for language in Language::ALL {
                assert!(!emit(&workload, language, &[], 0).expect("no overrides, no errors").is_empty());
            }
        }
    }
}

fn pick<'t, T>(random: &mut SplitMix64, from: &'t [T]) -> &'t T {
    &from[(random.next() % from.len() as u64) as usize]
}

#[test]
fn soups_of_tokens_never_panic() {
    let words: Vec<&str> = "fn main ( ) { } [ ] , : .. . -> ? ! & == != <= >= < > = + - * / % and or not true false null \n \n \
        param record finalize var local if else while for in break continue return free collect yield join spawn expect \
        print int float bool str bytes array list map weak thread len rand x y R f 1 2.5 \"a\" \"\\u{41}\" self // # ; 9223372036854775808 é"
        .split(' ')
        .collect();
    let mut random = SplitMix64::new(SEED);
    for _ in 0..3000 {
        let n = random.next() % 60;
        let soup: Vec<&str> = (0..n).map(|_| *pick(&mut random, &words)).collect();
        let soup = soup.join(" ");
        exercise(&soup);
        exercise(&format!(
            "record R {{\n    x: int\n    y: R?\n}}\nfn f(x: int) -> int {{\n    {soup}\n}}\nfn main() {{\n}}\n"
        ));
    }
}

#[test]
fn mutated_workloads_never_panic() {
    let mut random = SplitMix64::new(SEED);
    let sources = gallery();
    for _ in 0..2500 {
        let (_, source) = pick(&mut random, &sources);
        let (tokens, _) = tokens(source);
        let mut pieces: Vec<&str> = Vec::new();
        let mut end = 0;
        for token in &tokens {
            pieces.push(&source[end..token.span.start as usize]);
            pieces.push(token.span.text(source));
            end = token.span.end as usize;
        }
        for _ in 0..=random.next() % 3 {
            let at = (random.next() % pieces.len() as u64) as usize;
            let other = (random.next() % pieces.len() as u64) as usize;
            match random.next() % 5 {
                0 => drop(pieces.remove(at)),
                1 => pieces.insert(at, pieces[other]),
                2 => pieces[at] = pieces[other],
                3 => pieces.swap(at, other),
                _ => pieces.truncate(at.max(1)),
            }
            if pieces.is_empty() {
                break;
            }
        }
        exercise(&pieces.concat());
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let mut random = SplitMix64::new(SEED);
    let sources = gallery();
    for _ in 0..1500 {
        let mut bytes = pick(&mut random, &sources).1.clone().into_bytes();
        for _ in 0..=random.next() % 4 {
            let at = (random.next() % bytes.len() as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            exercise(text);
        }
        let _ = Workload::from_bytes("fuzz.wl", &bytes);
    }
}
