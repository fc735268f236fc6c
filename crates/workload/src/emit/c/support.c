// The pieces that an emitted program may need, in the order in which they stand in it. A line `//: piece` begins one; behind
// its name stand the pieces and headers that it needs itself.
//
// `list.push` is a function of a container, and written once for each type: `NAME` is the container, `ELEMENT` what it
// holds, `KEY` the type of its keys, and `KIND` says how those are compared. `.find` is a function of the same container.

//: output
static char output[BUFSIZ]; // Without it, the first `printf` would call `malloc`.

//: fault
static _Noreturn void fault(const char *kind, const char *what) {
    fprintf(stderr, "%s: %s\n", kind, what);
    exit(1);
}

//: checked
static void *checked(void *block) {
    if (block == NULL) {
        perror("malloc");
        exit(1);
    }
    return block;
}

//: not_null fault
static void *not_null(void *object) {
    if (object == NULL) {
        fault("null_dereference", "`!` of null");
    }
    return object;
}

//: address
// Of the address of a variable that is returned as such, gcc makes NULL.
static void *address(void *variable) {
    return variable;
}

//: expect fault
#define expect(holds, what) ((holds) ? (void)0 : fault("expect_failed", what))

//: no_result
static _Noreturn void no_result(int64_t a, char op, int64_t b) {
    if (b == 0 && (op == '/' || op == '%')) {
        fprintf(stderr, "division_by_zero: %" PRId64 " %c 0\n", a, op);
    } else {
        fprintf(stderr, "integer_overflow: %" PRId64 " %c %" PRId64 " does not fit into 64 bits\n", a, op, b);
    }
    exit(1);
}

//: add no_result
static int64_t add(int64_t a, int64_t b) {
    int64_t result;
    if (__builtin_add_overflow(a, b, &result)) {
        no_result(a, '+', b);
    }
    return result;
}

//: subtract no_result
static int64_t subtract(int64_t a, int64_t b) {
    int64_t result;
    if (__builtin_sub_overflow(a, b, &result)) {
        no_result(a, '-', b);
    }
    return result;
}

//: multiply no_result
static int64_t multiply(int64_t a, int64_t b) {
    int64_t result;
    if (__builtin_mul_overflow(a, b, &result)) {
        no_result(a, '*', b);
    }
    return result;
}

//: divide no_result
static int64_t divide(int64_t a, int64_t b) {
    if (b == 0 || (a == INT64_MIN && b == -1)) {
        no_result(a, '/', b);
    }
    return a / b;
}

//: remain no_result
static int64_t remain(int64_t a, int64_t b) {
    if (b == 0) {
        no_result(a, '%', b);
    }
    return b == -1 ? 0 : a % b;
}

//: divisor fault
static double divisor(double value) {
    if (value == 0.0) {
        fault("division_by_zero", "the divisor is zero");
    }
    return value;
}

//: truncated fault
static int64_t truncated(double value) {
    if (!(value > -9223372036854777856.0 && value < 9223372036854775808.0)) {
        fault("integer_overflow", "the number does not fit into 64 bits");
    }
    return (int64_t)value;
}

//: block_bytes fault
static size_t block_bytes(int64_t n, size_t each) {
    size_t bytes;
    if (n < 0) {
        fault("invalid_value", "a negative length");
    }
    if (__builtin_mul_overflow((size_t)n, each, &bytes) || __builtin_add_overflow(bytes, sizeof(size_t), &bytes)) {
        return SIZE_MAX;
    }
    return bytes;
}

//: bytes_new block_bytes checked
static bytes *bytes_new(int64_t n) {
    bytes *block = checked(calloc(1, block_bytes(n, 1)));
    block->n = (size_t)n;
    return block;
}

//: rand fault
static int64_t rand_between(int64_t from, int64_t to) {
    static uint64_t state = SEED;
    if (from >= to) {
        fault("invalid_value", "an empty range for rand");
    }
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return (int64_t)((uint64_t)from + z % ((uint64_t)to - (uint64_t)from));
}

//: hash_int
// Spreads a number over 64 bits; never 0.
static size_t hash_int(int64_t key) {
    uint64_t x = (uint64_t)key;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return (x ^ (x >> 31)) | (uint64_t)1 << 63;
}

//: same_int
static bool same_int(int64_t a, int64_t b) {
    return a == b;
}

//: hash_text hash_int string.h
static size_t hash_text(const char *key) {
    uint64_t hash = 0xcbf29ce484222325;
    for (; *key != 0; key++) {
        hash = (hash ^ (unsigned char)*key) * 0x100000001b3;
    }
    return hash_int((int64_t)hash);
}

//: same_text string.h
static bool same_text(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

//: text_copy checked string.h
static char *text_copy(const char *text) {
    return strcpy(checked(malloc(strlen(text) + 1)), text);
}

//: text_join checked string.h
static char *text_join(const char *a, const char *b) {
    char *text = checked(malloc(strlen(a) + strlen(b) + 1));
    return strcat(strcpy(text, a), b);
}

//: text_len
// Code points: all bytes but those that continue one.
static int64_t text_len(const char *text) {
    int64_t n = 0;
    for (; *text != 0; text++) {
        n += (*text & 0xc0) != 0x80;
    }
    return n;
}

//: text_of_int text_copy
static char *text_of_int(int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    return text_copy(text);
}

//: show_float math.h string.h
// The shortest decimal number that reads back as the same float, as Python writes it. Of those with so many digits the
// nearest may read back as a neighbour where the one beside it does not.
static char *show_float(double value, char *text) {
    if (isnan(value) || isinf(value)) {
        return strcpy(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    }
    char digits[32], *at = text;
    int exponent = 0;
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    for (int n = 1, found = 0; !found; n++) {
        sprintf(digits, "%.*e", n - 1, value);
        exponent = atoi(strchr(digits, 'e') + 1);
        memmove(digits + 1, digits + 2, (size_t)n - 1);
        digits[n] = 0;
        long long nearest = atoll(digits);
        for (int i = 0; i < 3 && !found; i++) {
            char candidate[48];
            sprintf(digits, "%lld", nearest + (i == 2 ? -1 : i));
            sprintf(candidate, "%se%d", digits, exponent - (n - 1));
            found = strtod(candidate, NULL) == value;
        }
    }
    if (exponent >= 16 || exponent < -4) {
        sprintf(at, "%c%s%se%+03d", digits[0], digits[1] != 0 ? "." : "", digits + 1, exponent);
    } else if (exponent < 0) {
        sprintf(at, "0.%.*s%s", -exponent - 1, "000", digits);
    } else {
        int n_zeros = exponent + 1 - (int)strlen(digits);
        for (int i = 0; i < n_zeros; i++) {
            strcat(digits, "0");
        }
        char *rest = digits + exponent + 1;
        sprintf(at, "%.*s.%s", exponent + 1, digits, *rest != 0 ? rest : "0");
    }
    return text;
}

//: text_of_float text_copy show_float
static char *text_of_float(double value) {
    char text[32];
    return text_copy(show_float(value, text));
}

//: weak_new checked fault
// Weak references by their targets: whoever frees an object sets the handles to NULL that lead to it.
static struct { weak *handle; uint32_t next; } weak_links[1 << 20];
static uint32_t weak_heads[1 << 16], weak_unused, n_weak_links = 1;

static uint32_t *weak_head(void *target) {
    return &weak_heads[(uintptr_t)target / 16 % (1 << 16)];
}

static weak *weak_new(void *target) {
    if (target == NULL) {
        fault("null_dereference", "a weak reference to null");
    }
    uint32_t link = weak_unused;
    if (link != 0) {
        weak_unused = weak_links[link].next;
    } else if ((link = n_weak_links++) == 1 << 20) {
        fault("out_of_memory", "too many weak references");
    }
    weak *handle = checked(malloc(sizeof *handle));
    handle->target = target;
    weak_links[link].handle = handle;
    weak_links[link].next = *weak_head(target);
    *weak_head(target) = link;
    return handle;
}

//: weak_get
static void *weak_get(weak *handle) {
    return handle->target;
}

//: weak_unlink weak_new
static void weak_unlink(uint32_t *link) {
    uint32_t unused = *link;
    *link = weak_links[unused].next;
    weak_links[unused].next = weak_unused;
    weak_unused = unused;
}

//: weak_forget weak_unlink
static void weak_forget(void *target) {
    for (uint32_t *link = weak_head(target); *link != 0;) {
        if (weak_links[*link].handle->target == target) {
            weak_links[*link].handle->target = NULL;
            weak_unlink(link);
        } else {
            link = &weak_links[*link].next;
        }
    }
}

//: weak_free weak_unlink
static void weak_free(weak *handle) {
    if (handle != NULL && handle->target != NULL) {
        uint32_t *link = weak_head(handle->target);
        while (weak_links[*link].handle != handle) {
            link = &weak_links[*link].next;
        }
        weak_unlink(link);
    }
    free(handle);
}

//: threads fault pthread.h semaphore.h
// One thread runs at a time. Who wants to run draws a ticket.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static uint64_t n_tickets, n_served;
static sem_t started;
static struct { pthread_t id; bool has_ended, is_joined; } threads[1 << 20];
static int64_t n_threads;

static uint64_t draw_ticket(void) {
    pthread_mutex_lock(&mutex);
    uint64_t ticket = n_tickets++;
    pthread_mutex_unlock(&mutex);
    return ticket;
}

static void wait_turn(uint64_t ticket) {
    pthread_mutex_lock(&mutex);
    while (n_served != ticket) {
        pthread_cond_wait(&turn, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

static void give_turn(void) {
    pthread_mutex_lock(&mutex);
    n_served++;
    pthread_cond_broadcast(&turn);
    pthread_mutex_unlock(&mutex);
}

static void yield_turn(void) {
    uint64_t ticket = draw_ticket();
    give_turn();
    wait_turn(ticket);
}

// A loop gives the others a turn now and then.
static void tick(void) {
    static _Thread_local int n_ticks;
    if (++n_ticks % 64 == 0) {
        yield_turn();
    }
}

static int64_t spawn(void *(*body)(void *)) {
    if (n_threads == 1 << 20 || pthread_create(&threads[n_threads].id, NULL, body, NULL) != 0) {
        fault("out_of_memory", "no more threads");
    }
    sem_wait(&started);
    return n_threads++;
}

static void join(int64_t thread) {
    while (!threads[thread].has_ended) {
        yield_turn();
    }
    if (!threads[thread].is_joined) {
        threads[thread].is_joined = true;
        pthread_join(threads[thread].id, NULL);
    }
}

static void join_all(void) {
    for (int64_t thread = 0; thread < n_threads; thread++) {
        join(thread);
    }
}

//: array.new checked block_bytes
static NAME *NAME_new(int64_t n) {
    NAME *array = checked(calloc(1, block_bytes(n, sizeof array->data[0])));
    array->n = (size_t)n;
    return array;
}

//: list.new checked
static NAME *NAME_new(void) {
    NAME *list = checked(malloc(sizeof *list));
    *list = (NAME){0};
    return list;
}

//: list.push checked
static void NAME_push(NAME *list, ELEMENT value) {
    if (list->len == list->cap) {
        list->cap = list->cap == 0 ? 4 : 2 * list->cap;
        list->data = checked(realloc(list->data, list->cap * sizeof *list->data));
    }
    list->data[list->len++] = value;
}

//: list.pop assert.h
static ELEMENT NAME_pop(NAME *list) {
    assert(list->len > 0);
    return list->data[--list->len];
}

//: list.free
static void NAME_free(NAME *list) {
    if (list != NULL) {
        free(list->data);
    }
    free(list);
}

//: map.new checked
static NAME *NAME_new(void) {
    return checked(calloc(1, sizeof(NAME)));
}

//: map.index
static void NAME_index(NAME *map, size_t hash, size_t number) {
    size_t mask = 2 * map->cap - 1;
    size_t place = hash & mask;
    while (map->index[place] != 0) {
        place = (place + 1) & mask;
    }
    map->index[place] = number + 1;
}

//: map.find hash_KIND same_KIND
static size_t NAME_find(NAME *map, KEY key) {
    size_t hash = hash_KIND(key);
    for (size_t step = 0; step < 2 * map->cap; step++) {
        size_t number = map->index[(hash + step) & (2 * map->cap - 1)];
        if (number == 0) {
            return 0;
        }
        if (map->entries[number - 1].hash == hash && same_KIND(map->entries[number - 1].key, key)) {
            return number;
        }
    }
    return 0;
}

//: map.get .find fault
static ELEMENT NAME_get(NAME *map, KEY key) {
    size_t number = NAME_find(map, key);
    if (number == 0) {
        fault("missing", "there is no such key");
    }
    return map->entries[number - 1].value;
}

//: map.rebuild .index checked
static void NAME_rebuild(NAME *map) {
    NAME old = *map;
    map->cap = old.cap == 0 ? 8 : old.len > old.cap / 2 ? 2 * old.cap : old.cap;
    map->entries = checked(malloc(map->cap * sizeof *map->entries));
    map->index = checked(calloc(2 * map->cap, sizeof *map->index));
    map->used = 0;
    for (size_t number = 0; number < old.used; number++) {
        if (old.entries[number].hash != 0) {
            map->entries[map->used].hash = old.entries[number].hash;
            map->entries[map->used].key = old.entries[number].key;
            map->entries[map->used].value = old.entries[number].value;
            NAME_index(map, old.entries[number].hash, map->used);
            map->used++;
        }
    }
    free(old.entries);
    free(old.index);
}

//: map.put .find .rebuild .index hash_KIND
static void NAME_put(NAME *map, KEY key, ELEMENT value) {
    size_t number = NAME_find(map, key);
    if (number == 0) {
        if (map->used == map->cap) {
            NAME_rebuild(map);
        }
        map->entries[map->used].hash = hash_KIND(key);
        map->entries[map->used].key = key;
        NAME_index(map, hash_KIND(key), map->used);
        map->len++;
        number = ++map->used;
    }
    map->entries[number - 1].value = value;
}

//: map.remove .find
static bool NAME_remove(NAME *map, KEY key) {
    size_t number = NAME_find(map, key);
    if (number == 0) {
        return false;
    }
    map->entries[number - 1].hash = 0;
    map->len--;
    return true;
}

//: map.next fault
static size_t NAME_next(NAME *map, size_t number, size_t len) {
    if (map->len != len) {
        fault("modified_in_loop", "the map has another number of keys than when the loop began");
    }
    while (number < map->used) {
        if (map->entries[number++].hash != 0) {
            return number;
        }
    }
    return 0;
}

//: map.free
static void NAME_free(NAME *map) {
    if (map != NULL) {
        free(map->entries);
        free(map->index);
    }
    free(map);
}
