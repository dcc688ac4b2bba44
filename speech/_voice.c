/* speech.vad.VoiceDetector compiled: the same decisions, for a third of the time. Built where a compiler is; the class
 * in Python is the reference, and tests/unit/speech/test_vad_compiled.py gives both the same frames.
 *
 * One call's state lies in one struct: with hundreds of calls it is out of the processor's cache when the next frame
 * comes, and every object of its own would be another miss. Limits and tables come from speech.vad by `set_up`;
 * webrtcvad is its package's function, called as Python would. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "frames are little-endian: the detector in Python serves here"
#endif

#define INTERFACE 1 /* speech.vad asks for it: what was built from older sources isn't used */
#define FRAME_SAMPLES 160
#define FLOOR_TICKS 75
#define MOST_WINDOW 30 /* bits of an int */
#define FLOOR_RANK 7 /* of the sorted powers: the 10th percentile */

static struct limits {
    double least_power, above_floor, floor_rise, comfort_power;
    int floor_every_ticks, onset_window, onset_frames, release_ticks;
    PyObject *create;        /* () -> a webrtcvad of this call's own */
    PyObject *process;       /* (vad, rate, frame, samples) -> whether it takes the frame for voice */
    PyObject *is_tone;       /* (frame) -> bool */
    PyObject *samples_of;    /* (frame) -> numpy array */
    PyObject *silence, *comfort; /* frames */
    PyObject *rate, *size;   /* of `process` */
} limits;

typedef struct {
    PyObject_HEAD
    PyObject *vad;
    PyObject *frame; /* the last one */
    double power, floor, gate;
    int count, next; /* of powers */
    int history, since_voice, onset_age;
    char voiced, speaking;
    double powers[FLOOR_TICKS];
} Detector;

static double percentile(const double *powers)
{
    double least[FLOOR_RANK + 1]; /* the smallest so far, in order */
    int held = 0;
    for (int i = 0; i < FLOOR_TICKS; i++) {
        double power = powers[i];
        if (held > FLOOR_RANK) {
            if (power >= least[FLOOR_RANK])
                continue;
            held = FLOOR_RANK;
        }
        int at = held++;
        for (; at > 0 && least[at - 1] > power; at--)
            least[at] = least[at - 1];
        least[at] = power;
    }
    return least[FLOOR_RANK];
}

static void update_floor(Detector *self, double power)
{
    self->floor = power;
    self->gate = fmax(power * limits.above_floor, limits.least_power);
}

static void hear_floor(Detector *self, double power)
{
    if (self->count < FLOOR_TICKS) {
        self->powers[self->count++] = power;
        if (self->count % limits.floor_every_ticks)
            return;
        double floor;
        if (self->count == FLOOR_TICKS) {
            floor = percentile(self->powers);
        } else {
            floor = self->powers[0];
            for (int i = 1; i < self->count; i++)
                floor = fmin(floor, self->powers[i]);
        }
        update_floor(self, floor);
        return;
    }
    self->powers[self->next] = power;
    self->next = (self->next + 1) % FLOOR_TICKS;
    if (self->next % limits.floor_every_ticks == 0) {
        double most = fmax(self->floor, limits.least_power) * limits.floor_rise;
        update_floor(self, fmin(percentile(self->powers), most));
    }
}

/* What a callable says of this frame: 0, 1, or -1 with an exception. */
static int asked(PyObject *callable, PyObject *const *args, size_t count)
{
    PyObject *said = PyObject_Vectorcall(callable, args, count, NULL);
    if (said == NULL)
        return -1;
    int truth = PyObject_IsTrue(said);
    Py_DECREF(said);
    return truth;
}

static int count_ones(int bits)
{
    int ones = 0;
    for (; bits; bits &= bits - 1)
        ones++;
    return ones;
}

static void note(Detector *self, int voiced)
{
    self->voiced = (char)voiced;
    self->history = ((self->history << 1) | voiced) & ((1 << limits.onset_window) - 1);
    if (voiced) {
        self->since_voice = 0;
    } else if (self->speaking && ++self->since_voice >= limits.release_ticks) {
        self->speaking = 0;
    }
    if (!self->speaking && count_ones(self->history) >= limits.onset_frames) {
        self->speaking = 1;
        self->onset_age = 0;
        for (int bits = self->history >> 1; bits; bits >>= 1)
            self->onset_age++;
    }
}

static PyObject *hear(Detector *self, PyObject *const *args, Py_ssize_t count)
{
    if (count < 1 || count > 2 || !PyBytes_Check(args[0]))
        return PyErr_Format(PyExc_TypeError, "hear(frame: bytes, least_power: float = 0.0)");
    PyObject *frame = args[0];
    if (PyBytes_GET_SIZE(frame) != 2 * FRAME_SAMPLES)
        return PyErr_Format(PyExc_ValueError, "a frame has %d bytes, not %zd", 2 * FRAME_SAMPLES,
                            PyBytes_GET_SIZE(frame));
    double least_power = count == 2 ? PyFloat_AsDouble(args[1]) : 0.0;
    if (least_power == -1.0 && PyErr_Occurred())
        return NULL;

    int16_t samples[FRAME_SAMPLES];
    memcpy(samples, PyBytes_AS_STRING(frame), sizeof samples);
    int64_t energy = 0;
    for (int i = 0; i < FRAME_SAMPLES; i++)
        energy += (int32_t)samples[i] * samples[i];
    double power = (double)energy / FRAME_SAMPLES;

    Py_INCREF(frame);
    Py_SETREF(self->frame, frame);
    self->power = power;
    hear_floor(self, power);
    PyObject *heard = power < limits.comfort_power ? limits.comfort : frame;
    PyObject *const call[] = {self->vad, limits.rate, heard, limits.size};
    int voiced = asked(limits.process, call, 4);
    if (voiced < 0)
        return NULL;
    voiced = voiced && power > self->gate && power > least_power;
    if (voiced && !self->speaking) {
        int tone = asked(limits.is_tone, &frame, 1);
        if (tone < 0)
            return NULL;
        voiced = !tone;
    }
    note(self, voiced);
    return PyBool_FromLong(self->speaking);
}

static PyObject *forget(Detector *self, PyObject *Py_UNUSED(ignored))
{
    self->speaking = 0;
    self->history = 0;
    Py_RETURN_NONE;
}

static PyObject *samples_of_last(Detector *self, void *Py_UNUSED(closure))
{
    return PyObject_CallOneArg(limits.samples_of, self->frame);
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    if (PyTuple_GET_SIZE(args) || (keywords && PyDict_GET_SIZE(keywords)))
        return PyErr_Format(PyExc_TypeError, "a detector takes no arguments");
    if (limits.create == NULL)
        return PyErr_Format(PyExc_RuntimeError, "speech.vad has not set this module up");
    Detector *self = (Detector *)type->tp_alloc(type, 0); /* zeros */
    if (self == NULL)
        return NULL;
    self->gate = INFINITY; /* nothing is voice before the first update */
    self->frame = Py_NewRef(limits.silence);
    self->vad = PyObject_CallNoArgs(limits.create);
    if (self->vad == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void let_go(Detector *self)
{
    Py_XDECREF(self->vad);
    Py_XDECREF(self->frame);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"hear", (PyCFunction)(void (*)(void))hear, METH_FASTCALL, "Hear one frame; returns `speaking`."},
    {"forget", (PyCFunction)forget, METH_NOARGS, "Nobody is speaking until a voice begins anew."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"voiced", T_BOOL, offsetof(Detector, voiced), READONLY, NULL},
    {"speaking", T_BOOL, offsetof(Detector, speaking), READONLY, NULL},
    {"onset_age", T_INT, offsetof(Detector, onset_age), READONLY, NULL},
    {"power", T_DOUBLE, offsetof(Detector, power), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef computed[] = {
    {"samples", (getter)samples_of_last, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject DetectorType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "speech._voice.Detector",
    .tp_doc = "speech.vad.VoiceDetector, compiled.",
    .tp_basicsize = sizeof(Detector),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = make,
    .tp_dealloc = (destructor)let_go,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = computed,
};

static PyObject *set_up(PyObject *Py_UNUSED(module), PyObject *args, PyObject *keywords)
{
    static char *names[] = {
        "least_power", "above_floor", "floor_rise", "comfort_power", "floor_every_ticks", "onset_window",
        "onset_frames", "release_ticks", "create", "process", "is_tone", "samples_of", "silence", "comfort",
        "rate", "size", NULL,
    };
    struct limits told; /* whole or not at all */
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "$ddddiiiiOOOOO!O!OO", names, &told.least_power, &told.above_floor, &told.floor_rise,
            &told.comfort_power, &told.floor_every_ticks, &told.onset_window, &told.onset_frames,
            &told.release_ticks, &told.create, &told.process, &told.is_tone, &told.samples_of, &PyBytes_Type,
            &told.silence, &PyBytes_Type, &told.comfort, &told.rate, &told.size))
        return NULL;
    if (told.floor_every_ticks < 1 || told.onset_window < 1 || told.onset_window > MOST_WINDOW)
        return PyErr_Format(PyExc_ValueError, "an interval or a window that can't be");
    limits = told;
    /* Once per process, by speech.vad's import: they are kept for ever. */
    PyObject *kept[] = {limits.create,  limits.process, limits.is_tone, limits.samples_of,
                        limits.silence, limits.comfort, limits.rate,    limits.size};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        Py_INCREF(kept[i]);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_up", (PyCFunction)(void (*)(void))set_up, METH_VARARGS | METH_KEYWORDS, "speech.vad's limits."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "speech._voice",
    .m_doc = "The voice detector, compiled; see speech.vad.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__voice(void)
{
    if (PyType_Ready(&DetectorType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made == NULL)
        return NULL;
    if (PyModule_AddObjectRef(made, "Detector", (PyObject *)&DetectorType) < 0
        || PyModule_AddIntMacro(made, INTERFACE) < 0 || PyModule_AddIntMacro(made, FLOOR_TICKS) < 0
        || PyModule_AddIntMacro(made, FLOOR_RANK) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
