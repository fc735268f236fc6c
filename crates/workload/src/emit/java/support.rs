//! What a class has beside the workload's own functions: what the language means and Java has no word for.
//!
//! Nothing here allocates but the text of a float, and threads.

use super::Emitter;

/// A part that a class may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Support {
    Unchecked,
    Expect,
    Get,
    More,
    Pop,
    Remove,
    Weak,
    Divide,
    NonZero,
    ToInt,
    Length,
    Order,
    FloatText,
    Rand,
    Collect,
    Turns,
    Print,
}

const EXPECT: &str = r"static void expect(boolean holds, String what) {
    if (!holds) {
        throw new AssertionError(what);
    }
}
";

const GET: &str = r#"static <K, V> V get(LinkedHashMap<K, V> map, K key) {
    V value = map.get(key);
    if (value == null && !map.containsKey(key)) {
        throw new NoSuchElementException("there is no key " + key);
    }
    return value;
}
"#;

const MORE: &str = r"/** Whether a loop over the keys of a map goes on. */
static boolean more(LinkedHashMap<?, ?> map, int size, Iterator<?> keys) {
    if (map.size() != size) {
        throw new ConcurrentModificationException();
    }
    return keys.hasNext();
}
";

const POP: &str = r"static <T> T pop(ArrayList<T> list) {
    return list.remove(list.size() - 1);
}
";

const REMOVE: &str = r"static <K> boolean remove(LinkedHashMap<K, ?> map, K key) {
    int size = map.size();
    map.remove(key);
    return map.size() < size;
}
";

const WEAK: &str = r"static <T> WeakReference<T> weak(T target) {
    return new WeakReference<>(target);
}
";

const DIVIDE: &str = r#"static long divide(long a, long b) {
    if (a == Long.MIN_VALUE && b == -1) {
        throw new ArithmeticException("long overflow");
    }
    return a / b;
}
"#;

const NON_ZERO: &str = r#"static double nonZero(double divisor) {
    if (divisor == 0.0) {
        throw new ArithmeticException("/ by zero");
    }
    return divisor;
}
"#;

const TO_INT: &str = r#"static long toInt(double value) {
    if (!(value >= -0x1p63 && value < 0x1p63)) {
        throw new ArithmeticException("long overflow");
    }
    return (long) value;
}
"#;

const LENGTH: &str = r"static int length(String text) {
    return text.codePointCount(0, text.length());
}
";

const ORDER: &str = r"/** By code points: the halves of a pair count as what they stand for. */
static int order(String a, String b) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
        char x = a.charAt(i);
        char y = b.charAt(i);
        if (x != y) {
            boolean surrogates = Character.isSurrogate(x) != Character.isSurrogate(y);
            return surrogates ? (Character.isSurrogate(x) ? 1 : -1) : x - y;
        }
    }
    return a.length() - b.length();
}
";

const FLOAT_TEXT: &str = r#"/** The shortest digits that read back as the same number, in the form of Python's repr. */
static String toString(double value) {
    if (Double.isNaN(value)) {
        return "nan";
    }
    if (Double.isInfinite(value)) {
        return value > 0 ? "inf" : "-inf";
    }
    if (value == 0) {
        return 1 / value < 0 ? "-0.0" : "0.0";
    }
    BigDecimal exact = new BigDecimal(value).abs();
    BigDecimal shortest = null;
    for (int digits = 1; shortest == null; digits++) {
        BigDecimal near = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
        BigDecimal below = exact.round(new MathContext(digits, RoundingMode.DOWN));
        BigDecimal above = exact.round(new MathContext(digits, RoundingMode.UP));
        for (BigDecimal one : new BigDecimal[] {near, below, above}) {
            if (shortest == null && one.doubleValue() == Math.abs(value)) {
                shortest = one;
            }
        }
    }
    String digits = shortest.unscaledValue().toString();
    int exponent = digits.length() - 1 - shortest.scale();
    digits = digits.replaceFirst("0+$", "");
    String text;
    if (exponent < -4 || exponent >= 16) {
        String rest = digits.length() > 1 ? "." + digits.substring(1) : "";
        String sign = exponent < 0 ? "-" : "+";
        text = digits.charAt(0) + rest + "e" + sign + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    } else if (exponent < 0) {
        text = "0." + "0".repeat(-exponent - 1) + digits;
    } else if (digits.length() <= exponent + 1) {
        text = digits + "0".repeat(exponent + 1 - digits.length()) + ".0";
    } else {
        text = digits.substring(0, exponent + 1) + "." + digits.substring(exponent + 1);
    }
    return value < 0 ? "-" + text : text;
}
"#;

const RAND: &str = r#"/** SplitMix64. */
static long random;

static long rand(long from, long to) {
    if (from >= to) {
        throw new IllegalArgumentException("an empty range");
    }
    random += 0x9e3779b97f4a7c15L;
    long z = random;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    z = z ^ (z >>> 31);
    // z modulo the span, both without sign.
    long span = to - from;
    if (span < 0) {
        return from + (Long.compareUnsigned(z, span) < 0 ? z : z - span);
    }
    long rest = z - ((z >>> 1) / span << 1) * span;
    return from + (Long.compareUnsigned(rest, span) < 0 ? rest : rest - span);
}
"#;

const COLLECT: &str = r"/** Collects, and leaves the finalizers that are due time to run. */
static void collect() {
    System.gc();
    Object pause = CLASS.class;
    synchronized (pause) {
        try {
            pause.wait(100);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
";

const TURNS: &str = r"/** One thread runs at a time; who wants to run draws a ticket. */
static final Object turn = new Object();
static long drawn;
static long served;

static long draw() {
    synchronized (turn) {
        return drawn++;
    }
}

static void take(long ticket) {
    synchronized (turn) {
        while (served != ticket) {
            try {
                turn.wait();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }
}

static void give() {
    synchronized (turn) {
        served++;
        turn.notifyAll();
    }
}

static void next() {
    long ticket = draw();
    give();
    take(ticket);
}

static void join(Thread thread) {
    give();
    try {
        thread.join();
    } catch (InterruptedException e) {
        throw new AssertionError(e);
    } finally {
        take(draw());
    }
}
";

const PRINT: &str = r#"static final FileOutputStream stdout = new FileOutputStream(FileDescriptor.out);
static final byte[] out = new byte[1 << 13];
static int end;

static void put(int unit) {
    if (end == out.length) {
        flush();
    }
    out[end++] = (byte) unit;
}

/** In UTF-8. */
static void put(String text) {
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
        int c = text.codePointAt(i);
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xc0 | c >> 6);
            put(0x80 | c & 0x3f);
        } else if (c < 0x10000) {
            put(0xe0 | c >> 12);
            put(0x80 | c >> 6 & 0x3f);
            put(0x80 | c & 0x3f);
        } else {
            put(0xf0 | c >> 18);
            put(0x80 | c >> 12 & 0x3f);
            put(0x80 | c >> 6 & 0x3f);
            put(0x80 | c & 0x3f);
        }
    }
}

static void put(long value) {
    if (value < 0) {
        put('-');
    }
    digit(value);
}

static void digit(long value) {
    if (value / 10 != 0) {
        digit(value / 10);
    }
    put('0' + (int) Math.abs(value % 10));
}

static void put(boolean value) {
    put(value ? "true" : "false");
}

static void flush() {
    try {
        stdout.write(out, 0, end);
    } catch (IOException e) {
        throw new AssertionError(e);
    }
    end = 0;
}
"#;

impl Emitter<'_> {
    /// Writes where the program begins.
    pub(super) fn entry(&mut self) {
        let prints = self.support.contains(&Support::Print);
        if self.has_threads() {
            self.support.insert(Support::Turns);
        }
        self.out.gap();
        self.out.open("public static void main(String[] arguments) {");
        if self.support.contains(&Support::Rand) {
            self.out.line(format!("random = {}L;", self.emission.seed.cast_signed()));
        }
        let has_turns = self.support.contains(&Support::Turns);
        if has_turns {
            self.out.line("take(draw());");
        }
        let main = self.names.function("main");
        if prints || has_turns {
            self.out.open("try {");
            self.out.line(format!("{main}();"));
            self.out.reopen("} finally {");
            if prints {
                self.out.line("flush();");
            }
            if has_turns {
                self.out.line("give();");
            }
            self.out.close("}");
        } else {
            self.out.line(format!("{main}();"));
        }
        self.out.close("}");
    }

    /// Writes what the class needs.
    pub(super) fn support(&mut self) {
        if self.support.contains(&Support::Get) {
            self.import("java.util.LinkedHashMap");
            self.import("java.util.NoSuchElementException");
        }
        for part in self.support.clone() {
            let text = match part {
                Support::Unchecked => continue,
                Support::Expect => EXPECT,
                Support::Get => GET,
                Support::More => MORE,
                Support::Pop => POP,
                Support::Remove => REMOVE,
                Support::Weak => WEAK,
                Support::Divide => DIVIDE,
                Support::NonZero => NON_ZERO,
                Support::ToInt => TO_INT,
                Support::Length => LENGTH,
                Support::Order => ORDER,
                Support::FloatText => FLOAT_TEXT,
                Support::Rand => RAND,
                Support::Collect => COLLECT,
                Support::Turns => TURNS,
                Support::Print => PRINT,
            };
            self.out.gap();
            self.out.lines(&text.replace("CLASS", self.names.class()));
        }
        for types in std::mem::take(&mut self.prints) {
            self.print_method(&types);
        }
        for function in std::mem::take(&mut self.spawned) {
            self.spawn_method(function);
        }
    }

    /// A line of values of these types.
    fn print_method(&mut self, types: &[&str]) {
        let parameters: Vec<String> = types.iter().zip(1..).map(|(ty, n)| format!("{ty} v{n}")).collect();
        self.out.gap();
        self.out.open(format!("static void print({}) {{", parameters.join(", ")));
        for (ty, n) in types.iter().zip(1..) {
            if n > 1 {
                self.out.line("put(' ');");
            }
            self.out.line(if *ty == "double" { format!("put(toString(v{n}));") } else { format!("put(v{n});") });
        }
        self.out.line("put('\\n');");
        if self.support.contains(&Support::Turns) {
            self.out.line("flush();");
        }
        self.out.close("}");
    }

    /// A thread that runs a function; a fault in it ends the program.
    fn spawn_method(&mut self, function: u32) {
        let info = &self.checked.functions[function as usize];
        let mut parameters = Vec::new();
        let mut names = Vec::new();
        for local in &info.locals[..info.n_parameters] {
            let name = self.names.variable(&local.name);
            parameters.push(format!("{} {name}", self.java_type(&local.ty)));
            names.push(name);
        }
        let name = self.names.function(&info.name);
        self.out.gap();
        self.out.open(format!("static Thread spawn_{name}({}) {{", parameters.join(", ")));
        self.out.line("long ticket = draw();");
        self.out.open("Thread thread = new Thread(() -> {");
        self.out.line("take(ticket);");
        self.out.open("try {");
        self.out.line(format!("{name}({});", names.join(", ")));
        self.out.reopen("} catch (Throwable fault) {");
        self.out.line("fault.printStackTrace();");
        if self.support.contains(&Support::Print) {
            self.out.line("flush();");
        }
        self.out.line("Runtime.getRuntime().halt(1);");
        self.out.reopen("} finally {");
        self.out.line("give();");
        self.out.close("}");
        self.out.close("});");
        self.out.line("thread.start();");
        self.out.line("return thread;");
        self.out.close("}");
    }
}
