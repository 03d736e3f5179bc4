/* The kernels as the Python module hwsim.native._kernels, for every CPython since 3.11 (stable ABI).
   Callers in hwsim.native check values; here only the sizes of buffers are, so that no call can leave memory. */

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <limits.h>

#include "kernels.h"
#include "model.h"

#define LINEAR "hwsim.linear"
#define MODEL "hwsim.model"
#define LARGEST_SIDE (1 << 20)

static const Kernels *kernels_at(int index)
{
    const Kernels *found[MOST_KERNELS];
    const int count = kernels_here(found);
    if (index >= 0 && index < count)
        return found[index];
    PyErr_Format(PyExc_ValueError, "there are no kernels number %d", index);
    return NULL;
}

/* Whether the buffer holds rows * columns * element bytes; an exception if not. */
static int holds(const char *name, const Py_buffer *buffer, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t element)
{
    if (rows < 0 || columns < 0 || rows > PY_SSIZE_T_MAX / (columns * element + 1) ||
        buffer->len != rows * columns * element) {
        PyErr_Format(PyExc_ValueError, "%s has %zd bytes, not %zd x %zd x %zd", name, buffer->len, rows, columns,
                     element);
        return 0;
    }
    return 1;
}

static int side(const char *name, int value, int least)
{
    if (value >= least && value <= LARGEST_SIDE)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s is %d", name, value);
    return 0;
}

static int within(const char *name, int value, int least, int most)
{
    if (value >= least && value <= most)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s is %d, not in %d..%d", name, value, least, most);
    return 0;
}

static uint8_t *aligned(uint8_t *memory)
{
    return (uint8_t *)round_up((uintptr_t)memory, 64);
}

static PyObject *names(PyObject *self, PyObject *unused)
{
    const Kernels *found[MOST_KERNELS];
    const int count = kernels_here(found);
    PyObject *tuple = PyTuple_New(count);
    int i;
    (void)self, (void)unused;
    for (i = 0; tuple && i < count; i++) {
        PyObject *name = PyUnicode_FromString(found[i]->name);
        if (!name || PyTuple_SetItem(tuple, i, name)) {
            Py_DECREF(tuple);
            return NULL;
        }
    }
    return tuple;
}

static void linear_destroy(PyObject *capsule)
{
    linear_free(PyCapsule_GetPointer(capsule, LINEAR));
}

static PyObject *pack(PyObject *self, PyObject *args)
{
    Py_buffer weight, bias, shift;
    PyObject *made = NULL;
    int outputs, inputs, sparse, good;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*iip", &weight, &bias, &shift, &outputs, &inputs, &sparse))
        return NULL;
    good = side("outputs", outputs, 1) && side("inputs", inputs, 1) && holds("weight", &weight, outputs, inputs, 1) &&
           holds("bias", &bias, outputs, 1, 4) && holds("shift", &shift, (outputs + BLOCK - 1) / BLOCK, 1, 1);
    if (good) {
        Linear *l = linear_pack(weight.buf, bias.buf, shift.buf, outputs, inputs, sparse ? SPARSE : DENSE);
        made = l ? PyCapsule_New(l, LINEAR, linear_destroy) : PyErr_NoMemory();
        if (l && !made)
            linear_free(l);
    }
    PyBuffer_Release(&weight);
    PyBuffer_Release(&bias);
    PyBuffer_Release(&shift);
    return made;
}

static PyObject *linear(PyObject *self, PyObject *args)
{
    Py_buffer x, out, residual;
    PyObject *capsule, *result = NULL;
    const Kernels *kernels;
    const Linear *l;
    int index, rows, kind, bits, relu;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOy*iw*iy*ip", &index, &capsule, &x, &rows, &out, &kind, &residual, &bits, &relu))
        return NULL;
    kernels = kernels_at(index);
    l = kernels ? PyCapsule_GetPointer(capsule, LINEAR) : NULL;
    if (l && side("rows", rows, 0) && holds("x", &x, rows, l->inputs, 1) && within("kind", kind, KEEP, RESIDUAL) &&
        within("bits", bits, 2, kind == NARROW ? 8 : 16) &&
        holds("out", &out, rows, l->outputs, kind == KEEP ? 4 : kind == NARROW ? 1 : 2) &&
        holds("residual", &residual, kind == RESIDUAL ? rows : 0, l->outputs, 2)) {
        const Finish finish = {(enum finish)kind, out.buf, residual.buf, l->outputs, bits, relu};
        uint8_t *memory = malloc(linear_bytes(l->outputs, l->inputs) + 64);
        if (memory) {
            Py_BEGIN_ALLOW_THREADS
            kernels->linear(l, x.buf, l->inputs, rows, &finish, aligned(memory));
            Py_END_ALLOW_THREADS
            free(memory);
            result = Py_NewRef(Py_None);
        } else {
            PyErr_NoMemory();
        }
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&out);
    PyBuffer_Release(&residual);
    return result;
}

static int take_ints(PyObject *const *args, int count, int *to)
{
    int i;
    for (i = 0; i < count; i++) {
        const long value = PyLong_AsLong(args[i]);
        if (value == -1 && PyErr_Occurred())
            return 0;
        if (value < INT_MIN || value > INT_MAX) {
            PyErr_SetString(PyExc_OverflowError, "a number does not fit an int");
            return 0;
        }
        to[i] = (int)value;
    }
    return 1;
}

/* All heads of a batch; an empty buffer stands for what is not given or not wanted. Arguments come as they lie: a tuple
   of them, and parsing it, would cost a tenth of a short head. */
static PyObject *heads(PyObject *self, PyObject *const *args, Py_ssize_t given)
{
    enum { Q, K, V, MASK, DELTA, SCORE, OUT, BUFFERS };
    Py_buffer b[BUFFERS];
    struct {
        int batch, count, n, dh, score_shift, inhibit_shift, centring, is_signed, bits;
    } x;
    enum { INTS = sizeof x / sizeof(int) };
    PyObject *result = NULL;
    const Kernels *kernels;
    Py_ssize_t every;
    int index, taken, has_q, has_score, has_out;
    (void)self;
    if (given != 1 + BUFFERS + INTS)
        return PyErr_Format(PyExc_TypeError, "heads takes %d arguments, not %zd", 1 + BUFFERS + INTS, given);
    if (!take_ints(args, 1, &index) || !take_ints(args + 1 + BUFFERS, INTS, &x.batch) || !(kernels = kernels_at(index)))
        return NULL;
    for (taken = 0; taken < BUFFERS; taken++)
        if (PyObject_GetBuffer(args[1 + taken], &b[taken], taken < SCORE ? PyBUF_SIMPLE : PyBUF_WRITABLE))
            goto release;
    every = (Py_ssize_t)x.batch * x.count;
    has_q = b[Q].len > 0, has_score = b[SCORE].len > 0, has_out = b[OUT].len > 0;
    if (side("batch", x.batch, 1) && side("heads", x.count, 1) && side("n", x.n, 1) && side("dh", x.dh, 1) &&
        within("score_shift", x.score_shift, 0, 31) && within("inhibit_shift", x.inhibit_shift, 0, 31) &&
        within("centring", x.centring, CENTRE_MIN, CENTRE_NONE) && within("bits", x.bits, 2, 16) &&
        holds("q", &b[Q], has_q || !has_score ? every * x.n : 0, x.dh, 1) &&
        holds("k", &b[K], has_q ? every * x.n : 0, x.dh, 1) && holds("v", &b[V], has_out ? every * x.n : 0, x.dh, 1) &&
        holds("mask", &b[MASK], b[MASK].len ? x.batch : 0, x.n, 1) && holds("delta", &b[DELTA], x.count, 1, 4) &&
        holds("score", &b[SCORE], has_score ? every * x.n : 0, x.n, 1) &&
        holds("out", &b[OUT], has_out ? every * x.n : 0, x.dh, x.bits <= 8 ? 1 : 2)) {
        uint8_t *memory = malloc(head_bytes(x.n, x.dh) + 64);
        if (memory) {
            Head h = {.stride = x.dh, .n = x.n, .dh = x.dh, .score_shift = x.score_shift,
                      .inhibit_shift = x.inhibit_shift, .centring = (enum centring)x.centring,
                      .is_signed = x.is_signed, .bits = x.bits, .out_stride = x.dh};
            Py_ssize_t i;
            Py_BEGIN_ALLOW_THREADS
            for (i = 0; i < every; i++) {
                const Py_ssize_t rows = i * x.n, at = rows * x.dh;
                h.q = has_q ? (const int8_t *)b[Q].buf + at : NULL;
                h.k = has_q ? (const int8_t *)b[K].buf + at : NULL;
                h.v = has_out ? (const int8_t *)b[V].buf + at : NULL;
                h.mask = b[MASK].len ? (const uint8_t *)b[MASK].buf + i / x.count * x.n : NULL;
                h.delta = ((const int32_t *)b[DELTA].buf)[i % x.count];
                h.score = has_score ? (int8_t *)b[SCORE].buf + rows * x.n : NULL;
                h.out = has_out ? (uint8_t *)b[OUT].buf + at * (x.bits <= 8 ? 1 : 2) : NULL;
                kernels->head(&h, aligned(memory));
            }
            Py_END_ALLOW_THREADS
            free(memory);
            result = Py_NewRef(Py_None);
        } else {
            PyErr_NoMemory();
        }
    }
release:
    while (taken--)
        PyBuffer_Release(&b[taken]);
    return result;
}

/* False if a row's norm is too large. */
static PyObject *norm(PyObject *self, PyObject *args)
{
    Py_buffer x, out;
    const Kernels *kernels;
    int index, element, rows, width, good, fits = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*iw*ii", &index, &x, &element, &out, &rows, &width))
        return NULL;
    kernels = kernels_at(index);
    good = kernels && side("rows", rows, 0) && side("width", width, 1) && within("element", element, 1, 4) &&
           holds("x", &x, rows, width, element) && holds("out", &out, rows, width, 1);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        if (element == 1)
            fits = portable_norm8(x.buf, out.buf, rows, width);
        else if (element == 2)
            fits = kernels->norm16(x.buf, out.buf, rows, width);
        else
            fits = portable_norm32(x.buf, out.buf, rows, width);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&out);
    return good ? PyBool_FromLong(fits) : NULL;
}

static PyObject *requantize_all(PyObject *self, PyObject *args)
{
    Py_buffer acc, out;
    const Kernels *kernels;
    int index, shift, bits, good;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*w*ii", &index, &acc, &out, &shift, &bits))
        return NULL;
    kernels = kernels_at(index);
    good = kernels && within("shift", shift, 0, 31) && within("bits", bits, 2, 16) &&
           holds("out", &out, acc.len / 4, 1, bits <= 8 ? 1 : 2);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        kernels->requantize(acc.buf, out.buf, (size_t)acc.len / 4, shift, bits);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&acc);
    PyBuffer_Release(&out);
    return good ? Py_NewRef(Py_None) : NULL;
}

static PyObject *residual_add_all(PyObject *self, PyObject *args)
{
    Py_buffer x, acc, out;
    const Kernels *kernels;
    int index, shift, bits, good;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*y*w*ii", &index, &x, &acc, &out, &shift, &bits))
        return NULL;
    kernels = kernels_at(index);
    good = kernels && within("shift", shift, 0, 31) && within("bits", bits, 2, 16) &&
           holds("x", &x, acc.len / 4, 1, 2) && holds("out", &out, acc.len / 4, 1, 2);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        kernels->residual_add(x.buf, acc.buf, out.buf, (size_t)acc.len / 4, shift, bits);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&acc);
    PyBuffer_Release(&out);
    return good ? Py_NewRef(Py_None) : NULL;
}

/* The capsule's context keeps the packed linear layers alive. */
static void model_destroy(PyObject *capsule)
{
    Model *m = PyCapsule_GetPointer(capsule, MODEL);
    int i;
    for (i = 0; m->layer && i < m->s.layers; i++)
        free(m->layer[i].delta);
    free(m->layer);
    free(m->token);
    free(m->position);
    free(m);
    Py_XDECREF((PyObject *)PyCapsule_GetContext(capsule));
}

static int shaped(const Linear *l, int outputs, int inputs)
{
    if (l && l->outputs == outputs && l->inputs == inputs)
        return 1;
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a linear layer has the wrong shape");
    return 0;
}

static int layer_from(const Sizes *s, PyObject *parts, Layer *layer)
{
    PyObject *qkv, *attn_out, *ffn_hidden, *ffn_out;
    Py_buffer delta;
    int good;
    if (!PyArg_ParseTuple(parts, "OOOOy*ii", &qkv, &attn_out, &ffn_hidden, &ffn_out, &delta, &layer->score_shift,
                          &layer->inhibit_shift))
        return 0;
    layer->qkv = PyCapsule_GetPointer(qkv, LINEAR);
    layer->attn_out = layer->qkv ? PyCapsule_GetPointer(attn_out, LINEAR) : NULL;
    layer->ffn_hidden = layer->attn_out ? PyCapsule_GetPointer(ffn_hidden, LINEAR) : NULL;
    layer->ffn_out = layer->ffn_hidden ? PyCapsule_GetPointer(ffn_out, LINEAR) : NULL;
    good = shaped(layer->qkv, 3 * s->width, s->width) && shaped(layer->attn_out, s->width, s->width) &&
           shaped(layer->ffn_hidden, s->hidden, s->width) && shaped(layer->ffn_out, s->width, s->hidden) &&
           within("score_shift", layer->score_shift, 0, 31) && within("inhibit_shift", layer->inhibit_shift, 0, 31) &&
           holds("delta", &delta, s->heads, 1, 4);
    if (good) {
        layer->delta = malloc((size_t)delta.len);
        good = layer->delta != NULL;
        if (good)
            memcpy(layer->delta, delta.buf, (size_t)delta.len);
        else
            PyErr_NoMemory();
    }
    PyBuffer_Release(&delta);
    return good;
}

static int sizes_good(const Sizes *s)
{
    return side("vocabulary", s->vocabulary, 1) && side("max_tokens", s->max_tokens, 1) && side("width", s->width, 1) &&
           within("heads", s->heads, 1, s->width) && side("layers", s->layers, 1) && side("hidden", s->hidden, 1) &&
           side("classes", s->classes, 1) && within("residual_bits", s->residual_bits, 2, 16) &&
           within("inhibit_bits", s->inhibit_bits, s->inner_norms ? 9 : 2, s->inner_norms ? 16 : 8) &&
           within("embed_shift", s->embed_shift, 0, 7) && within("centring", s->centring, CENTRE_MIN, CENTRE_NONE);
}

static PyObject *model(PyObject *self, PyObject *args)
{
    Py_buffer sizes, token, position;
    PyObject *layers, *head, *capsule = NULL;
    Model *m = calloc(1, sizeof *m);
    int i, good;
    (void)self;
    if (!m)
        return PyErr_NoMemory();
    if (!PyArg_ParseTuple(args, "y*y*y*OO!", &sizes, &token, &position, &head, &PyTuple_Type, &layers)) {
        free(m);
        return NULL;
    }
    good = holds("sizes", &sizes, sizeof m->s / 4, 1, 4);
    if (good)
        memcpy(&m->s, sizes.buf, sizeof m->s);
    good = good && sizes_good(&m->s) && holds("token", &token, m->s.vocabulary, m->s.width, 1) &&
           holds("position", &position, m->s.max_tokens, m->s.width, 1) &&
           within("layers", (int)PyTuple_Size(layers), m->s.layers, m->s.layers);
    if (good) {
        m->classify = PyCapsule_GetPointer(head, LINEAR);
        good = shaped(m->classify, m->s.classes, m->s.width);
    }
    capsule = PyCapsule_New(m, MODEL, model_destroy);
    if (!capsule)
        free(m);
    if (capsule && good) {
        m->token = malloc((size_t)token.len);
        m->position = malloc((size_t)position.len);
        m->layer = calloc((size_t)m->s.layers, sizeof *m->layer);
        good = m->token && m->position && m->layer;
        if (good) {
            memcpy(m->token, token.buf, (size_t)token.len);
            memcpy(m->position, position.buf, (size_t)position.len);
        } else {
            PyErr_NoMemory();
        }
        for (i = 0; good && i < m->s.layers; i++)
            good = layer_from(&m->s, PyTuple_GetItem(layers, i), &m->layer[i]);
        good = good && !PyCapsule_SetContext(capsule, Py_NewRef(args));
    }
    PyBuffer_Release(&sizes);
    PyBuffer_Release(&token);
    PyBuffer_Release(&position);
    if (capsule && !good) {
        Py_DECREF(capsule);
        return NULL;
    }
    return capsule;
}

/* Bytes of one position of each traced tensor, or of one sentence of those without positions (negative). */
static int trace_shape(const Model *m, int n, Py_ssize_t *bytes)
{
    const Py_ssize_t d = m->s.width, hidden = m->s.hidden, inhibit = m->s.inner_norms ? 2 * d : d;
    int at = 0, i;
    bytes[at++] = 2 * d * n;
    for (i = 0; i < m->s.layers; i++) {
        int j;
        for (j = 0; j < 4; j++)
            bytes[at++] = d * n;
        bytes[at++] = (Py_ssize_t)m->s.heads * n * n;
        bytes[at++] = inhibit * n;
        if (m->s.inner_norms)
            bytes[at++] = d * n;
        bytes[at++] = 2 * d * n;
        bytes[at++] = d * n;
        bytes[at++] = hidden * n;
        if (m->s.inner_norms)
            bytes[at++] = hidden * n;
        bytes[at++] = 2 * d * n;
    }
    bytes[at++] = d * n;
    bytes[at++] = 4 * d;
    bytes[at++] = d;
    return at;
}

static int inputs_good(const Model *m, const Py_buffer *ids, const Py_buffer *mask, int batch, int n)
{
    const int32_t *id = ids->buf;
    const uint8_t *real = mask->buf;
    int i, j;
    if (!side("batch", batch, 1) || !within("n", n, 1, m->s.max_tokens) || !holds("ids", ids, batch, n, 4) ||
        !holds("mask", mask, batch, n, 1))
        return 0;
    for (i = 0; i < batch; i++) {
        int some = 0;
        for (j = 0; j < n; j++, id++, real++) {
            some |= *real;
            if (*id < 0 || *id >= m->s.vocabulary) {
                PyErr_Format(PyExc_ValueError, "token id %d is outside the vocabulary", (int)*id);
                return 0;
            }
        }
        if (!some) {
            PyErr_SetString(PyExc_ValueError, "a row has no real token");
            return 0;
        }
    }
    return 1;
}

/* Runs with the traced tensors' buffers, which are given back whatever happens. False if a norm is too large. */
static PyObject *run(const Kernels *kernels, const Model *m, const Py_buffer *ids, const Py_buffer *mask, int batch,
                     int n, const Py_buffer *logits, PyObject *trace)
{
    const int most = 4 + 12 * m->s.layers;
    Py_buffer *views = calloc((size_t)most, sizeof *views);
    uint8_t **slot = calloc((size_t)most, sizeof *slot);
    Py_ssize_t *bytes = calloc((size_t)most, sizeof *bytes);
    const int wanted = (int)PyTuple_Size(trace);
    enum status status = NO_MEMORY;
    int count = 0, good = views && slot && bytes, i;
    if (!good)
        PyErr_NoMemory();
    good = good && (!wanted || within("traced tensors", wanted, trace_shape(m, n, bytes), trace_shape(m, n, bytes)));
    for (i = 0; good && i < wanted; i++) {
        good = !PyObject_GetBuffer(PyTuple_GetItem(trace, i), &views[i], PyBUF_WRITABLE);
        count += good;
        good = good && holds("a traced tensor", &views[i], batch, bytes[i], 1);
        slot[i] = views[i].buf;
    }
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        status = forward(kernels, m, ids->buf, mask->buf, batch, n, logits->buf, wanted ? slot : NULL);
        Py_END_ALLOW_THREADS
        if (status == NO_MEMORY)
            PyErr_NoMemory();
    }
    for (i = 0; i < count; i++)
        PyBuffer_Release(&views[i]);
    free(views);
    free(slot);
    free(bytes);
    return good && status != NO_MEMORY ? PyBool_FromLong(status == DONE) : NULL;
}

static PyObject *forward_all(PyObject *self, PyObject *args)
{
    Py_buffer ids, mask, logits;
    PyObject *capsule, *trace, *result = NULL;
    const Kernels *kernels;
    const Model *m;
    int index, batch, n;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOy*y*iiw*O!", &index, &capsule, &ids, &mask, &batch, &n, &logits, &PyTuple_Type,
                          &trace))
        return NULL;
    kernels = kernels_at(index);
    m = kernels ? PyCapsule_GetPointer(capsule, MODEL) : NULL;
    if (m && inputs_good(m, &ids, &mask, batch, n) && holds("logits", &logits, batch, m->s.classes, 4))
        result = run(kernels, m, &ids, &mask, batch, n, &logits, trace);
    PyBuffer_Release(&ids);
    PyBuffer_Release(&mask);
    PyBuffer_Release(&logits);
    return result;
}

#ifdef HAS_OPPONENT
static int opponent(void)
{
    if (HAS_OPPONENT)
        return 1;
    PyErr_SetString(PyExc_NotImplementedError, "this processor has no AVX2");
    return 0;
}

/* The benchmark's int8 dot-product attention on [heads][n][dh]. */
static PyObject *dot_product(PyObject *self, PyObject *args)
{
    Py_buffer q, k, v, out;
    PyObject *result = NULL;
    DotProduct h = {0};
    int count;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*w*iiif", &q, &k, &v, &out, &count, &h.n, &h.dh, &h.scale))
        return NULL;
    if (opponent() && side("heads", count, 1) && side("n", h.n, 1) && within("dh", h.dh, 2, WIDEST) &&
        within("dh's last bit", h.dh & 1, 0, 0) && holds("q", &q, (Py_ssize_t)count * h.n, h.dh, 1) &&
        holds("k", &k, q.len, 1, 1) && holds("v", &v, q.len, 1, 1) && holds("out", &out, q.len, 1, 1)) {
        uint8_t *memory = malloc(dot_product_bytes(h.n, h.dh) + 64);
        if (memory) {
            Py_ssize_t at;
            Py_BEGIN_ALLOW_THREADS
            for (at = 0; at < q.len; at += (Py_ssize_t)h.n * h.dh) {
                h.q = (const int8_t *)q.buf + at;
                h.k = (const int8_t *)k.buf + at;
                h.v = (const int8_t *)v.buf + at;
                h.out = (int8_t *)out.buf + at;
                dot_product_head(&h, aligned(memory));
            }
            Py_END_ALLOW_THREADS
            free(memory);
            result = Py_NewRef(Py_None);
        } else {
            PyErr_NoMemory();
        }
    }
    PyBuffer_Release(&q);
    PyBuffer_Release(&k);
    PyBuffer_Release(&v);
    PyBuffer_Release(&out);
    return result;
}

/* The benchmark's loop in registers: `rounds` times 8 vectors of 32 elements. */
static PyObject *registers(PyObject *self, PyObject *args)
{
    int inhibition, rounds, value;
    (void)self;
    if (!PyArg_ParseTuple(args, "pi", &inhibition, &rounds) || !opponent())
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    value = ceiling(inhibition, rounds);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(value);
}
#endif

static PyMethodDef METHODS[] = {
    {"names", names, METH_NOARGS, "Names of the kernels that run here, fastest first."},
    {"pack", pack, METH_VARARGS, "A linear layer made ready."},
    {"linear", linear, METH_VARARGS, "A linear layer on rows."},
    {"heads", (PyCFunction)(void (*)(void))heads, METH_FASTCALL, "Inhibitor attention of all heads of a batch."},
    {"norm", norm, METH_VARARGS, "Rows divided by their Manhattan norms."},
    {"requantize", requantize_all, METH_VARARGS, "Accumulators to fewer bits."},
    {"residual_add", residual_add_all, METH_VARARGS, "Accumulators onto a residual stream."},
    {"model", model, METH_VARARGS, "A model made ready."},
    {"forward", forward_all, METH_VARARGS, "A model on a batch."},
#ifdef HAS_OPPONENT
    {"dot_product", dot_product, METH_VARARGS, "Int8 dot-product attention, for comparison."},
    {"registers", registers, METH_VARARGS, "The kernels' instructions without memory, for comparison."},
#endif
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef DEFINITION = {
    PyModuleDef_HEAD_INIT, "_kernels", "Integer kernels of hwsim in C.", 0, METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernels(void)
{
    return PyModule_Create(&DEFINITION);
}
