/* trunk.asterisk.sweep compiled: the audio of many sockets read and written by one call each. Built where a compiler is;
 * the functions in Python are the reference, and tests/integration/asterisk/test_sweep.py gives both the same bytes.
 *
 * Nothing is kept between calls. While the interpreter's lock is released, by `say` alone, no Python object is touched:
 * what goes out has been copied before. The caller sees to it that nobody closes a socket meanwhile. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define INTERFACE 1 /* trunk.asterisk.sweep asks for it: what was built from older sources isn't used */
#define MOST 64     /* sockets of one call: what they say lies on the stack */
#define FRAME_BYTES 320
#define HEADER_BYTES 3
#define PACKET_BYTES (HEADER_BYTES + FRAME_BYTES)
#define READ_PACKETS 8
#define READ_BYTES (READ_PACKETS * PACKET_BYTES)

static const char header[HEADER_BYTES] = {0x10, FRAME_BYTES >> 8, FRAME_BYTES & 0xff};

/* The sockets' numbers into `fds`. Returns how many; -1 with an exception. */
static Py_ssize_t numbers(PyObject *list, int fds[MOST])
{
    if (!PyList_Check(list)) {
        PyErr_SetString(PyExc_TypeError, "sockets' numbers come as a list");
        return -1;
    }
    Py_ssize_t count = PyList_GET_SIZE(list);
    if (count > MOST) {
        PyErr_Format(PyExc_ValueError, "%zd sockets, more than %d", count, MOST);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *number = PyList_GET_ITEM(list, i);
        if (!PyLong_CheckExact(number)) { /* whose conversion runs no code that could change the list */
            PyErr_SetString(PyExc_TypeError, "a socket's number is an int");
            return -1;
        }
        long fd = PyLong_AsLong(number);
        if (fd == -1 && PyErr_Occurred())
            return -1;
        fds[i] = fd < 0 || fd > INT_MAX ? -1 : (int)fd; /* the kernel refuses -1 */
    }
    return count;
}

/* A tuple of frames where `data` is nothing but whole ones; else its bytes. NULL with an exception. */
static PyObject *frames_of(const char *data, Py_ssize_t size)
{
    Py_ssize_t count = size / PACKET_BYTES;
    int whole = count > 0 && count < READ_PACKETS && size == count * PACKET_BYTES; /* more may wait than was asked for */
    for (Py_ssize_t i = 0; whole && i < count; i++)
        whole = memcmp(data + i * PACKET_BYTES, header, HEADER_BYTES) == 0;
    if (!whole)
        return PyBytes_FromStringAndSize(data, size);
    PyObject *frames = PyTuple_New(count);
    if (frames == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *frame = PyBytes_FromStringAndSize(data + i * PACKET_BYTES + HEADER_BYTES, FRAME_BYTES);
        if (frame == NULL) {
            Py_DECREF(frames);
            return NULL;
        }
        PyTuple_SET_ITEM(frames, i, frame);
    }
    return frames;
}

/* What has come on one socket, as `hear` gives it. NULL with an exception. */
static PyObject *heard_on(int fd)
{
    char data[READ_BYTES];
    ssize_t size;
    do {
        size = recv(fd, data, sizeof data, MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size >= 0)
        return frames_of(data, size);
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return PyTuple_New(0);
    Py_RETURN_NONE;
}

/* The lock is kept: a read takes a microsecond, and to get the lock back may take a thousand. */
static PyObject *hear(PyObject *Py_UNUSED(module), PyObject *list)
{
    int fds[MOST];
    Py_ssize_t count = numbers(list, fds);
    if (count < 0)
        return NULL;
    PyObject *heard = PyList_New(count);
    if (heard == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *one = heard_on(fds[i]);
        if (one == NULL) {
            Py_DECREF(heard);
            return NULL;
        }
        PyList_SET_ITEM(heard, i, one);
    }
    return heard;
}

static int is_frame(PyObject *one)
{
    return PyBytes_Check(one) && PyBytes_GET_SIZE(one) == FRAME_BYTES;
}

/* Both packets of each pair into `packets`. Returns -1 with an exception. */
static int pack(PyObject *pairs, Py_ssize_t count, char packets[][2 * PACKET_BYTES])
{
    if (!PyList_Check(pairs) || PyList_GET_SIZE(pairs) != count) {
        PyErr_SetString(PyExc_ValueError, "each socket has a pair of frames to say");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *pair = PyList_GET_ITEM(pairs, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !is_frame(PyTuple_GET_ITEM(pair, 0))
            || !is_frame(PyTuple_GET_ITEM(pair, 1))) {
            PyErr_Format(PyExc_ValueError, "a pair to say is two frames of %d bytes", FRAME_BYTES);
            return -1;
        }
        for (int side = 0; side < 2; side++) {
            char *packet = packets[i] + side * PACKET_BYTES;
            memcpy(packet, header, HEADER_BYTES);
            memcpy(packet + HEADER_BYTES, PyBytes_AS_STRING(PyTuple_GET_ITEM(pair, side)), FRAME_BYTES);
        }
    }
    return 0;
}

/* How much was taken; 0 when there is no room, -1 when the connection is broken. */
static ssize_t send_pair(int fd, const char packets[2 * PACKET_BYTES])
{
    ssize_t taken;
    do {
        taken = send(fd, packets, 2 * PACKET_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (taken < 0 && errno == EINTR);
    return taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : taken;
}

static PyObject *say(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t given)
{
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "say(sockets: list[int], pairs: list[tuple[bytes, bytes]])");
    int fds[MOST];
    char packets[MOST][2 * PACKET_BYTES];
    ssize_t taken[MOST];
    Py_ssize_t count = numbers(args[0], fds);
    if (count < 0 || pack(args[1], count, packets) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        taken[i] = send_pair(fds[i], packets[i]);
    Py_END_ALLOW_THREADS
    PyObject *left = PyList_New(0);
    for (Py_ssize_t i = 0; left != NULL && i < count; i++) {
        if (taken[i] == 2 * PACKET_BYTES)
            continue;
        PyObject *which = Py_BuildValue("(nn)", i, (Py_ssize_t)taken[i]);
        if (which == NULL || PyList_Append(left, which) < 0)
            Py_CLEAR(left);
        Py_XDECREF(which);
    }
    return left;
}

static PyMethodDef functions[] = {
    {"hear", hear, METH_O, "What has come on each of these sockets."},
    {"say", (PyCFunction)(void (*)(void))say, METH_FASTCALL, "Two frames on each of these sockets."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "trunk.asterisk._sweep",
    .m_doc = "The sockets' sweep, compiled; see trunk.asterisk.sweep.",
    .m_size = 0,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__sweep(void)
{
    PyObject *made = PyModule_Create(&module);
    if (made == NULL)
        return NULL;
    if (PyModule_AddIntMacro(made, INTERFACE) < 0 || PyModule_AddIntMacro(made, MOST) < 0
        || PyModule_AddIntMacro(made, FRAME_BYTES) < 0 || PyModule_AddIntMacro(made, READ_PACKETS) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
