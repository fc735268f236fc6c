/* Runs a function and writes down what it asks of Python's allocator, without asking for anything itself. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* A call: kind (0 malloc, 1 free, 2 realloc, 3 calloc, 4 arena made, 5 arena released), bytes, block, answer, and the
   collections of each generation so far. */
struct event {
    uint64_t kind, bytes, block, answer, collections[3];
};

static struct event *events;
static size_t n_events, n_events_max;
static int is_watching;
/* The collector's statistics: collections, collected, uncollectable of each generation. */
static const Py_ssize_t *statistics;
static Py_ssize_t collections_before[3];
static uint64_t state;
static PyMemAllocatorEx real_object, real_memory;
static PyObjectArenaAllocator real_arena;

static void note(uint64_t kind, uint64_t bytes, void *block, void *answer)
{
    if (!is_watching)
        return;
    if (n_events < n_events_max) {
        struct event *event = &events[n_events];
        *event = (struct event){kind, bytes, (uintptr_t)block, (uintptr_t)answer, {0, 0, 0}};
        for (int i = 0; i < 3; i++)
            event->collections[i] = (uint64_t)(statistics[3 * i] - collections_before[i]);
    }
    n_events++;
}

static void *on_malloc(void *below, size_t bytes)
{
    PyMemAllocatorEx *real = below;
    void *answer = real->malloc(real->ctx, bytes);
    note(0, bytes, NULL, answer);
    return answer;
}

static void *on_calloc(void *below, size_t n, size_t bytes)
{
    PyMemAllocatorEx *real = below;
    void *answer = real->calloc(real->ctx, n, bytes);
    note(3, n * bytes, NULL, answer);
    return answer;
}

static void *on_realloc(void *below, void *block, size_t bytes)
{
    PyMemAllocatorEx *real = below;
    void *answer = real->realloc(real->ctx, block, bytes);
    note(block == NULL ? 0 : 2, bytes, block, answer);
    return answer;
}

static void on_free(void *below, void *block)
{
    PyMemAllocatorEx *real = below;
    if (block != NULL)
        note(1, 0, block, NULL);
    real->free(real->ctx, block);
}

static void *on_arena_made(void *below, size_t bytes)
{
    PyObjectArenaAllocator *real = below;
    void *answer = real->alloc(real->ctx, bytes);
    note(4, bytes, NULL, answer);
    return answer;
}

static void on_arena_released(void *below, void *block, size_t bytes)
{
    PyObjectArenaAllocator *real = below;
    note(5, bytes, block, NULL);
    real->free(real->ctx, block, bytes);
}

/* run(function, freeze, address of the statistics, seed, calls at most, [(address, bytes), ...]): from a heap without
   garbage on. Answers copies of that memory as it was at the start, the events, whether there were more, and the type
   of an exception that ended the function. */
static PyObject *run(PyObject *module, PyObject *arguments)
{
    PyObject *function, *freeze, *places;
    unsigned long long at, seed;
    Py_ssize_t most;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOKKnO!", &function, &freeze, &at, &seed, &most, &PyList_Type, &places))
        return NULL;
    statistics = (const Py_ssize_t *)(uintptr_t)at;
    state = seed;
    n_events = 0;
    n_events_max = (size_t)most;
    size_t event_bytes = n_events_max * sizeof *events, copy_bytes = 0, n_places = (size_t)PyList_GET_SIZE(places);
    const void *sources[4096];
    size_t sizes[4096];
    if (n_places > 4096) {
        PyErr_SetString(PyExc_ValueError, "too many places");
        return NULL;
    }
    for (size_t i = 0; i < n_places; i++) {
        unsigned long long place, n;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(places, (Py_ssize_t)i), "KK", &place, &n))
            return NULL;
        sources[i] = (const void *)(uintptr_t)place;
        sizes[i] = (size_t)n;
        copy_bytes += sizes[i];
    }
    char *memory = mmap(NULL, event_bytes + copy_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return PyErr_NoMemory();
    events = (struct event *)memory;
    char *copies = memory + event_bytes;
    PyMemAllocatorEx object = {&real_object, on_malloc, on_calloc, on_realloc, on_free};
    PyMemAllocatorEx other = {&real_memory, on_malloc, on_calloc, on_realloc, on_free};
    PyObjectArenaAllocator arena = {&real_arena, on_arena_made, on_arena_released};
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &real_object);
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &real_memory);
    PyObject_GetArenaAllocator(&real_arena);
    PyGC_Enable();
    PyGC_Collect();
    PyObject *nothing = PyObject_CallNoArgs(freeze);
    Py_XDECREF(nothing);
    PyGC_Collect();
    for (int i = 0; i < 3; i++)
        collections_before[i] = statistics[3 * i];
    char *to = copies;
    for (size_t i = 0; i < n_places; i++) {
        memcpy(to, sources[i], sizes[i]);
        to += sizes[i];
    }
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &object);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &other);
    PyObject_SetArenaAllocator(&arena);
    is_watching = 1;
    PyObject *answer = PyObject_CallNoArgs(function);
    is_watching = 0;
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &real_object);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &real_memory);
    PyObject_SetArenaAllocator(&real_arena);
    PyGC_Disable();
    PyObject *exception = Py_None;
    if (answer == NULL) {
        exception = PyErr_Occurred();
        Py_INCREF(exception);
        PyErr_Clear();
    } else {
        Py_INCREF(exception);
        Py_DECREF(answer);
    }
    size_t kept = n_events < n_events_max ? n_events : n_events_max;
    PyObject *result = Py_BuildValue("y#y#nN", copies, (Py_ssize_t)copy_bytes, (char *)events,
                                     (Py_ssize_t)(kept * sizeof *events), (Py_ssize_t)(n_events - kept), exception);
    munmap(memory, event_bytes + copy_bytes);
    return result;
}

/* SplitMix64, as the emitted programs have it: an int in range(start, stop). */
static PyObject *draw(PyObject *module, PyObject *const *arguments, Py_ssize_t n)
{
    (void)module;
    (void)n;
    long long start = PyLong_AsLongLong(arguments[0]), stop = PyLong_AsLongLong(arguments[1]);
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return PyLong_FromLong((long)((uint64_t)start + z % ((uint64_t)stop - (uint64_t)start)));
}

/* print() that prints nothing. */
static PyObject *show(PyObject *module, PyObject *const *arguments, Py_ssize_t n)
{
    (void)module;
    (void)arguments;
    (void)n;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"run", run, METH_VARARGS, NULL},
                                  {"draw", (PyCFunction)(void (*)(void))draw, METH_FASTCALL, NULL},
                                  {"show", (PyCFunction)(void (*)(void))show, METH_FASTCALL, NULL},
                                  {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "heaptwin_watch", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_heaptwin_watch(void)
{
    return PyModule_Create(&module);
}
