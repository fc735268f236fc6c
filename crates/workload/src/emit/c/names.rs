//! Names: the workload's own, with `_` behind those that mean something else in C.

use std::collections::BTreeSet;

use memory_trait::RecordId;

use crate::check::FunctionInfo;
use crate::types::Type;
use crate::workload::Workload;

/// Keywords, what the included headers declare, and what the support is called.
const TAKEN: &str = "
    abort abs acos acosh add address alignas alignof allocate asctime asin asinh asm assert atan atan2 atanh atexit
    atof atoi atol atoll auto bool block_bytes bsearch bytes bytes_new calloc case catan cbrt ceil char checked clearerr clock clock_t const
    copysign cos cosh ctermid ctime daylight difftime default div divide divisor do double draw_ticket drem dprintf ecvt enum erand48 erf erfc errno exit
    exp exp10 exp2 expect expm1 extern fabs false fault fclose fcvt fdim fdopen feof ferror fflush fgetc fgetpos fgets
    fileno finite float floor fma fmax fmemopen fmin fmod fopen fprintf fputc fputs fread free freopen frexp fscanf fseek
    fsetpos ftell fwrite gamma gcvt getc getchar getdelim getenv getline getloadavg getw give_turn gmtime goto hash_int hash_text
    hypot ilogb index inline int int16_t int32_t int64_t int8_t isinf isnan j0 j1 jn join join_all jrand48 labs ldexp
    ldiv lgamma llabs lldiv llrint localtime llround log log10 log1p log2 logb long lrand48 lrint lround main malloc mblen memccpy
    memchr memcmp memcpy memmove memset mkstemp mktemp mktime nanosleep modf mrand48 multiply n_threads nan nearbyint nextafter no_result
    not_null nrand48 on_exit output pclose perror popen pow printf putc putchar putenv puts putw qsort rand rand_between rand_state
    random realloc reallocarray register remain remainder remove rename restrict rewind rindex rint round same_int
    same_text scalb sem_t show_float scalbln scalbn scanf select setbuf setenv setlinebuf setstate setvbuf short signed significand sin sinh
    size_t sizeof snprintf spawn sprintf sqrt srand srandom sscanf ssize_t started static stderr stdin stdout stpcpy
    strcasecmp strcat strchr strcmp strcoll strcpy strcspn strdup strerror strlen strncat strncmp strncpy strndup strnlen
    strpbrk strrchr strsep strsignal strspn strstr strtod strtof strtok strtol strtoll strtoul struct strxfrm subtract
    swab switch system tan tanh tempnam text_copy text_join text_len text_of_bool text_of_float text_of_int tgamma thread ticket time timezone tzname
    threads tick tmpfile tmpnam true trunc truncate truncated turn typedef uint16_t uint32_t uint64_t uint8_t ungetc union unix
    linux unsetenv unused unsigned valloc vprintf void volatile wait_turn weak weak_head weak_heads weak_links weak_unlink weak_unused n_weak_links n_tickets n_served mutex weak_forget weak_free weak_get weak_new wctomb
    y0 y1 yield_turn yn FILE DIR EOF NULL BUFSIZ INFINITY NAN SIZE_MAX";

/// The names that cannot be used any more.
struct Taken(BTreeSet<String>);

impl Taken {
    /// A name like this one that is free.
    fn free(&self, name: &str) -> String {
        let is_container = ["list_", "array_", "map_"].iter().any(|prefix| name.starts_with(prefix));
        let is_temporary = name.strip_prefix("tmp").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        let mut name = if is_container || is_temporary { format!("_{name}") } else { name.to_owned() };
        while self.0.contains(&name) {
            name.push('_');
        }
        name
    }

    fn take(&mut self, name: &str) -> String {
        let name = self.free(name);
        self.0.insert(name.clone());
        name
    }
}

/// The names of everything.
pub(super) struct Names {
    functions: Vec<String>,
    records: Vec<String>,
    params: Vec<String>,
    locals: Vec<Vec<String>>,
    /// Whether any thread is started.
    pub(super) has_threads: bool,
    /// The records that weak references lead to.
    pub(super) weak_targets: BTreeSet<RecordId>,
}

impl Names {
    pub(super) fn new(workload: &Workload) -> Names {
        let (file, checked) = (workload.file(), workload.checked());
        let mut taken = Taken(TAKEN.split_whitespace().map(str::to_owned).collect());
        let records: Vec<String> = checked.records.iter().map(|record| taken.take(&record.name)).collect();
        let function = |info: &FunctionInfo| match info.finalizes {
            Some(record) => taken.take(&format!("{}_finalize", records[record.index()])),
            None if info.name == "main" => info.name.clone(),
            None => taken.take(&info.name),
        };
        let functions = checked.functions.iter().map(function).collect();
        let params = file.params.iter().map(|param| taken.take(&param.name.text)).collect();
        // Variables of two functions, or of two blocks, may have the same name.
        let of_function = |info: &FunctionInfo| info.locals.iter().map(|local| taken.free(&local.name)).collect();
        let locals = checked.functions.iter().map(of_function).collect();
        let weak_targets = checked.types.iter().filter_map(|ty| match ty.without_null() {
            Type::Weak(record) => Some(*record),
            _ => None,
        });
        Names {
            functions,
            records,
            params,
            locals,
            has_threads: checked.types.contains(&Type::Thread),
            weak_targets: weak_targets.collect(),
        }
    }

    pub(super) fn function(&self, index: usize) -> &str {
        &self.functions[index]
    }

    pub(super) fn record(&self, record: RecordId) -> &str {
        &self.records[record.index()]
    }

    pub(super) fn param(&self, index: usize) -> &str {
        &self.params[index]
    }

    pub(super) fn local(&self, function: usize, local: usize) -> &str {
        &self.locals[function][local]
    }
}
