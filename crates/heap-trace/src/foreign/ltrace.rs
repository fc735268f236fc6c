//! The output of ltrace(1): `malloc(40) = 0x55adc28b72a0`, one call a line.
//!
//! A line may begin with the thread (`[pid 17]`, `17`), a time (`-r`, `-t`, `-tt`, `-ttt`) and the caller (`-i`), and end
//! with how long the call took (`-T`). The function may carry the object that calls it (`a.out->malloc`) or the library
//! that it is in (`malloc@libc.so.6`). A call that another interrupts is in two lines, `malloc(40 <unfinished ...>` and
//! `<... malloc resumed> ) = 0x55adc28b72a0`. ltrace prints more arguments than there are of functions that it has no
//! prototype of. Functions that are not malloc's are passed over.
//!
//! Source: ltrace 0.7.3 `output.c:begin_of_line`, `output_left`, `output_right`.

use super::{frees, gives, named};
use crate::cursor::{Cursor, Parsed};
use crate::record::{Answer, Call, Pointer, Record, Request};

pub(super) const LOSSES: [&str; 4] = [
    "ltrace shows the calls that the program itself makes, unless told otherwise: what its libraries allocate is missing",
    "ltrace does not show the block of posix_memalign: what is done with it is passed over, or is a free of no block",
    "ltrace -f shows child processes as it shows threads: all calls are taken to be of one process",
    "ltrace does not say where the break was: addresses are predicted, not compared",
];

const CALL: &str = "a call as `malloc(40) = 0x55adc28b72a0`, `<... malloc resumed> ) = ...`, `---` or `+++`";

/// The functions that are understood: malloc's, and the operators of C++ that call them.
const FUNCTIONS: [&str; 20] = [
    "malloc",
    "calloc",
    "realloc",
    "free",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "malloc_usable_size",
    "malloc_trim",
    "mallopt",
    "reallocarray",
    "cfree",
    "_Znwm",
    "_Znam",
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPvm",
    "_ZdaPvm",
];

/// Output that is being read.
#[derive(Default)]
pub(crate) struct Output {
    /// The processes and threads, in order of appearance.
    pids: Vec<u64>,
    /// Calls that are not over: the thread, and what it asked for.
    unfinished: Vec<Unfinished>,
}

struct Unfinished {
    thread: u32,
    function: &'static str,
    request: Request,
    /// It has become a record: of its own, or as a call inside of it that does what it was for.
    is_recorded: bool,
}

/// Whether a file that begins with this line is one of ltrace's.
pub(crate) fn begins(line: &[u8]) -> bool {
    let mut line = Cursor::new(line);
    if prefix(&mut line).is_err() {
        return false;
    }
    let rest = &line.line[line.at..];
    if rest.starts_with(b"+++ ") || rest.starts_with(b"--- SIG") {
        return true;
    }
    let is_call = function(&mut line).is_ok();
    let is_whole = rest.windows(3).any(|three| three == b" = ") || rest.ends_with(b" <unfinished ...>");
    is_call && is_whole
}

impl Output {
    pub(super) fn line(&mut self, text: &[u8]) -> Parsed<Option<Record>> {
        let mut line = Cursor::new(text);
        let pid = prefix(&mut line)?;
        let Some(next) = line.peek() else { return Ok(None) };
        let thread = self.thread(pid);
        if next == b'-' || line.skip(b"unexpected breakpoint at ") {
            return Ok(None);
        }
        if line.skip(b"+++ exited") {
            // The first is the process itself: with it everything ends.
            let exit = Call { thread, request: Request::ThreadExit, answer: Answer::Nothing };
            return Ok((thread > 0).then_some(Record::Call(exit)));
        }
        if next == b'+' {
            return Ok(None);
        }
        if line.skip(b"<... ") {
            return self.resumed(&mut line, thread);
        }
        let Some(function) = function(&mut line)? else { return Ok(None) };
        let request = request(&mut line, function)?;
        // What follows of the arguments is more than the function has.
        let rest = &line.line[line.at..];
        if rest.ends_with(b" <unfinished ...>") {
            let is_inside = self.is_inside_the_same(thread, request);
            let is_free = matches!(request, Request::Free { .. });
            self.unfinished.push(Unfinished { thread, function, request, is_recorded: is_free });
            return Ok((is_free && !is_inside).then(|| answered(thread, request, 0)));
        }
        if rest.ends_with(b" <no return ...>") {
            return Ok(None);
        }
        let value = result(&mut line, request)?;
        let is_inside = self.is_inside_the_same(thread, request);
        for outer in self.unfinished.iter_mut().filter(|outer| outer.thread == thread) {
            outer.is_recorded = true;
        }
        Ok((!is_inside).then(|| answered(thread, request, value)))
    }

    fn resumed(&mut self, line: &mut Cursor<'_>, thread: u32) -> Parsed<Option<Record>> {
        let start = line.at;
        let function = function_name(line)?;
        line.literal(b" resumed>", "` resumed>`")?;
        let Some(function) = function else { return Ok(None) };
        let Some(index) = self.unfinished.iter().rposition(|call| call.thread == thread && call.function == function)
        else {
            line.at = start;
            return Err(line.wrong("a function that this thread called and that has not returned"));
        };
        let call = self.unfinished.remove(index);
        let value = result(line, call.request)?;
        if call.is_recorded {
            return Ok(None);
        }
        for outer in self.unfinished.iter_mut().filter(|outer| outer.thread == thread) {
            outer.is_recorded = true;
        }
        Ok(Some(answered(thread, call.request, value)))
    }

    /// A free that is on record already: as the call from outside the library, when the one inside comes.
    fn is_inside_the_same(&self, thread: u32, request: Request) -> bool {
        matches!(request, Request::Free { .. })
            && self.unfinished.iter().any(|outer| outer.thread == thread && outer.request == request)
    }

    fn thread(&mut self, pid: u64) -> u32 {
        let known = self.pids.iter().position(|&known| known == pid);
        known.unwrap_or_else(|| {
            self.pids.push(pid);
            self.pids.len() - 1
        }) as u32
    }
}

/// The thread, time and caller before a call. Answers the thread, 0 where none is given.
fn prefix(line: &mut Cursor<'_>) -> Parsed<u64> {
    let mut pid = None;
    while line.skip(b" ") {}
    if line.skip(b"[pid ") {
        pid = Some(line.decimal("the number of a process")?);
        line.literal(b"] ", "`] ` after the number of a process")?;
    }
    loop {
        while line.skip(b" ") {}
        let start = line.at;
        match line.peek() {
            Some(b'0'..=b'9') => {
                while matches!(line.peek(), Some(b'0'..=b'9' | b'.' | b':')) {
                    line.at += 1;
                }
                let word = &line.line[start..line.at];
                if line.peek().is_some_and(|byte| byte != b' ') {
                    line.at = start;
                    return Err(line.wrong(CALL));
                }
                // Only the first whole number is a process; `-t` has colons in its times, `-r` and `-ttt` points.
                if start == 0 && pid.is_none() && word.iter().all(u8::is_ascii_digit) {
                    pid = std::str::from_utf8(word).ok().and_then(|digits| digits.parse().ok());
                }
            }
            Some(b'[') => {
                let end = line.line[start..].iter().position(|&byte| byte == b']');
                line.at = start + end.ok_or_else(|| line.wrong("`]` after the caller"))? + 1;
            }
            _ => return Ok(pid.unwrap_or(0)),
        }
    }
}

/// The function of a call and its bracket; `None` for one that is not understood.
fn function(line: &mut Cursor<'_>) -> Parsed<Option<&'static str>> {
    let start = line.at;
    // The object that calls, which may be a path with any characters.
    let bracket = line.line[start..].iter().position(|&byte| byte == b'(').map(|at| start + at);
    let caller = line.line[start..bracket.unwrap_or(start)].windows(2).rposition(|two| two == b"->");
    line.at = caller.map_or(start, |at| start + at + 2);
    let name = function_name(line);
    if let (Ok(name), true) = (name, line.skip(b"(")) {
        return Ok(name);
    }
    line.at = start;
    Err(line.wrong(CALL))
}

/// The name of a function, with the library that it is in, if that is given; `None` for one that is not understood.
fn function_name(line: &mut Cursor<'_>) -> Parsed<Option<&'static str>> {
    let rest = &line.line[line.at..];
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let name = &rest[..length];
    if name.first().is_none_or(u8::is_ascii_digit) {
        return Err(line.wrong("the name of a function"));
    }
    line.at += length;
    if line.skip(b"@") {
        // `libc.so.6`, up to the arguments or the rest of the line.
        while line.peek().is_some_and(|byte| byte != b'(' && byte != b' ') {
            line.at += 1;
        }
    }
    Ok(FUNCTIONS.into_iter().find(|function| function.as_bytes() == name))
}

/// What the arguments ask for. Those of free's and realloc's blocks are pointers.
fn request(line: &mut Cursor<'_>, function: &'static str) -> Parsed<Request> {
    Ok(match function {
        "malloc" | "_Znwm" | "_Znam" => Request::Malloc { bytes: number(line)? },
        "calloc" => {
            let n = number(line)?;
            comma(line)?;
            Request::Calloc { n, bytes: number(line)? }
        }
        "realloc" => {
            let block = named(number(line)?);
            comma(line)?;
            Request::Realloc { block, bytes: number(line)? }
        }
        "reallocarray" => {
            let block = named(number(line)?);
            comma(line)?;
            let n = number(line)?;
            comma(line)?;
            // A product that is too large is refused, as the largest size is.
            Request::Realloc { block, bytes: n.saturating_mul(number(line)?) }
        }
        "free" | "cfree" | "_ZdlPv" | "_ZdaPv" | "_ZdlPvm" | "_ZdaPvm" => Request::Free { block: named(number(line)?) },
        "memalign" | "aligned_alloc" => {
            let alignment = number(line)?;
            comma(line)?;
            let bytes = number(line)?;
            if function == "memalign" {
                Request::Memalign { alignment, bytes }
            } else {
                Request::AlignedAlloc { alignment, bytes }
            }
        }
        "posix_memalign" => {
            number(line)?;
            comma(line)?;
            let alignment = number(line)?;
            comma(line)?;
            Request::PosixMemalign { alignment, bytes: number(line)? }
        }
        "valloc" => Request::Valloc { bytes: number(line)? },
        "pvalloc" => Request::Pvalloc { bytes: number(line)? },
        "malloc_usable_size" => Request::UsableSize { block: named(number(line)?) },
        "malloc_trim" => Request::Trim { pad: number(line)? },
        _ => {
            let option = number(line)? as i32;
            comma(line)?;
            Request::Mallopt { option, value: number(line)? as i32 }
        }
    })
}

/// An argument or a result: decimal, hexadecimal, or NULL.
fn number(line: &mut Cursor<'_>) -> Parsed<u64> {
    const EXPECTED: &str = "a number, decimal or hexadecimal, below 2^64";
    if line.skip(b"nil") {
        return Ok(0);
    }
    if line.skip(b"0x") {
        return line.hex(EXPECTED);
    }
    if line.skip(b"-") {
        return line.decimal(EXPECTED).map(u64::wrapping_neg);
    }
    line.decimal(EXPECTED)
}

fn comma(line: &mut Cursor<'_>) -> Parsed<()> {
    line.literal(b", ", "`, ` and another argument")
}

/// The result at the end of the line. Of a call that returns none, 0.
fn result(line: &mut Cursor<'_>, request: Request) -> Parsed<u64> {
    let Some(at) = line.line[line.at..].windows(3).rposition(|three| three == b" = ") else {
        line.at = line.line.len();
        return Err(line.wrong("` = ` and the result"));
    };
    line.at += at + 3;
    if matches!(request, Request::Free { .. }) {
        // ltrace has `<void>`, or whatever was in the register.
        return Ok(0);
    }
    let value = number(line)?;
    // How long it took.
    if line.skip(b" <") {
        line.at = line.line.len();
    }
    line.end()?;
    Ok(value)
}

fn answered(thread: u32, request: Request, value: u64) -> Record {
    match request {
        Request::Free { block } => frees(thread, block),
        // It returns 0 or an error; the block is where its first argument points.
        Request::PosixMemalign { .. } if value == 0 => gives(thread, request, Pointer::Unknown(0)),
        Request::PosixMemalign { .. } => gives(thread, request, Pointer::Null),
        Request::UsableSize { .. } | Request::Trim { .. } | Request::Mallopt { .. } => {
            Record::Call(Call { thread, request, answer: Answer::Number(value) })
        }
        _ => gives(thread, request, named(value)),
    }
}
