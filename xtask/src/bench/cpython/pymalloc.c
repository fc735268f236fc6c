/* Makes calls of PyObject_Malloc and PyObject_Free that were written down beforehand, and measures them. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* A call: a place, and the bytes to get there, or 0 to give back what is there. */
struct call {
    uint32_t place;
    uint32_t bytes;
};

static PyObject *replay(PyObject *module, PyObject *arguments)
{
    const char *bytes;
    Py_ssize_t length;
    unsigned int n_places;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y#I", &bytes, &length, &n_places))
        return NULL;
    const struct call *calls = (const struct call *)bytes;
    size_t n_calls = (size_t)length / sizeof *calls;
    void **places = calloc(n_places, sizeof *places);
    if (places == NULL)
        return PyErr_NoMemory();
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (size_t i = 0; i < n_calls; i++) {
        if (calls[i].bytes != 0)
            places[calls[i].place] = PyObject_Malloc(calls[i].bytes);
        else
            PyObject_Free(places[calls[i].place]);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    free(places);
    return PyLong_FromLongLong((end.tv_sec - begin.tv_sec) * 1000000000LL + (end.tv_nsec - begin.tv_nsec));
}

static PyMethodDef functions[] = {{"replay", replay, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "heaptwin_pymalloc", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_heaptwin_pymalloc(void)
{
    return PyModule_Create(&module);
}
