/* Rows of rare pairs of item types, an item at a time: a part of convert.h. */

/* Scaled by 2^112, halves without an implicit one are right, too; infinity and NaN are not. */
static float half_to_float(uint16_t half)
{
    const uint32_t magnitude = half & 0x7fff;
    uint32_t bits = magnitude << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    bits |= (magnitude >= 0x7c00 ? 0x7f800000u : 0) | (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* By way of a float that is rounded to odd: it has digits enough to be rounded again. */
static uint16_t double_to_half(double number)
{
    float value = (float)number;
    if (value == value && (double)value != number) {
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (bits % 2 == 0) bits += __builtin_fabs((double)value) < __builtin_fabs(number) ? 1 : -1;
        memcpy(&value, &bits, sizeof value);
    }
    const wf numbers = {value};
    return to_half(numbers)[0];
}

static int64_t number_to_q(double number)
{
    if (!(number >= -0x1p63)) return number != number ? 0 : INT64_MIN;
    return number < 0x1p63 ? (int64_t)__builtin_rint(number) : INT64_MAX;
}

static uint64_t number_to_Q(double number)
{
    if (!(number > 0)) return 0;
    return number < 0x1p64 ? (uint64_t)__builtin_rint(number) : UINT64_MAX;
}

/* Towards zero; what lies beyond is the smallest integer. */
static int64_t truncated_q(double number)
{
    return number >= -0x1p63 && number < 0x1p63 ? (int64_t)number : INT64_MIN;
}

static uint64_t truncated_Q(double number)
{
    return number < 0x1p63 ? (uint64_t)truncated_q(number) : (uint64_t)truncated_q(number - 0x1p64);
}

/* Defines a row; the expression makes the result of `v`. */
#define RARE(S, from_letter, T, to_letter, expression)                                 \
    static void row_##from_letter##_##to_letter(                                       \
        char *to, const char *from, int64_t n, int64_t to_step, int64_t from_step)     \
    {                                                                                  \
        for (; n > 0; n--, to += to_step, from += from_step) {                         \
            S v;                                                                       \
            memcpy(&v, from, sizeof v);                                                \
            const T result = expression;                                               \
            memcpy(to, &result, sizeof result);                                        \
        }                                                                              \
    }
RARE(uint16_t, e, double, d, half_to_float(v))
RARE(uint16_t, e, int64_t, q, number_to_q(half_to_float(v)))
RARE(uint64_t, Q, int64_t, q, v < INT64_MAX ? (int64_t)v : INT64_MAX)
RARE(float, f, int64_t, q, number_to_q(v))
RARE(double, d, int64_t, q, number_to_q(v))
RARE(float, f, uint64_t, Q, number_to_Q(v))
RARE(double, d, uint64_t, Q, number_to_Q(v))
RARE(int64_t, q, uint64_t, Q, v < 0 ? 0 : (uint64_t)v)
RARE(double, d, uint16_t, e, double_to_half(v))
RARE(int64_t, q, uint16_t, e, double_to_half((double)v))
RARE(float, f, uint8_t, bool, v != 0)
RARE(double, d, uint8_t, bool, v != 0)
RARE(int64_t, q, uint8_t, bool, v != 0)
RARE(float, f, int64_t, cast_q, truncated_q(v))
RARE(double, d, int64_t, cast_q, truncated_q(v))
RARE(float, f, uint64_t, cast_Q, truncated_Q(v))
RARE(double, d, uint64_t, cast_Q, truncated_Q(v))
#undef RARE
