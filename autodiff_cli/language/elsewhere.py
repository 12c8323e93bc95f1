"""What NumPy, SciPy, PyTorch and Stan call functions, in rows: their names, and what serves here.

A row is names, a colon, and either the function that is meant, by its name alone, or what to do;
what is set in goes on with it.
A name that is built in here, or that the program defines, is never looked up.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_ROWS = """
# exponentials, logarithms and powers
ln log_e: the natural logarithm is `log(x)`
lg: the logarithm to base 10 is `log10(x)`
pow power float_power: a power is `x^y`
square: write `x^2`
reciprocal rcp: write `1 / x`
rsqrt inv_sqrt: write `1 / sqrt(x)`
inv_square: write `1 / x^2`
logaddexp2 log_sum_exp2: write `log2(2^a + 2^b)`
log_sum_exp lse: logsumexp
log_diff_exp: write `a + log(-expm1(b - a))`, for a > b
log1m: write `log1p(-x)`
log1m_exp log1mexp: write `log(-expm1(x))`, for x < 0
log1p_exp log1pexp: softplus
log_inv_logit logit_sigmoid log_expit: logsigmoid
log1m_inv_logit: write `logsigmoid(-x)`
multiply_log lmultiply: xlogy
xlog1py: write `xlogy(x, 1 + y)`
entr: write `-xlogy(x, x)`
rel_entr: write `xlogy(x, x / y)`
kl_div: write `xlogy(x, x / y) - x + y`
exprel: write `expm1(x) / x`
powm1: write `expm1(y * log(x))`
cuberoot: cbrt
nthroot nroot: write `x^(1 / n)`
hypotenuse: hypot
fma addcmul: write `a * b + c`

# arithmetic, rounding and choice
add: write `x + y`
subtract sub: write `x - y`
multiply mul: write `x * y`
divide true_divide div: write `x / y`
mod remainder: a remainder is `x % y`
fmod: write `x - y * trunc(x / y)`
floor_divide floordiv: the whole quotient is `x // y`
divmod: the whole quotient is `x // y`, the remainder `x % y`
negative neg: write `-x`
positive: write `x`
fabs absolute: abs
fmax: maximum
fmin: minimum
amax nanmax: max
amin nanmin: min
rint around: round
fix: trunc
frac: write `x - trunc(x)`
ptp: write `max(x) - min(x)`
sgn signum: sign
signbit: write `x < 0`
clip fclip: clamp
lerp: write `a + (b - a) * t`
heaviside step int_step: write `where(x > 0, 1, 0)`
fdim: write `relu(x - y)`
copysign: write `where(y < 0, -abs(x), abs(x))`
isnan: write `x != x`
isinf: write `abs(x) == inf`
isfinite: write `abs(x) < inf`
isclose allclose: write `all(abs(a - b) < 1e-9)`
equal eq: write `a == b`
not_equal ne: write `a != b`
greater gt: write `a > b`
greater_equal ge: write `a >= b`
less lt: write `a < b`
less_equal le: write `a <= b`
logical_and: write `a and b`, of numbers; of arrays of booleans, `a * b`
logical_or: write `a or b`, of numbers; of arrays of booleans, `maximum(a, b)`
logical_not: write `not a`
if_else ifelse select: where
nan_to_num: write `where(x == x, x, 0)`

# trigonometry
tg: tan
arcsin: asin
arccos: acos
arctan: atan
arctan2: atan2
arcsinh arsinh: asinh
arccosh arcosh: acosh
arctanh artanh: atanh
cot ctg cotan: write `1 / tan(x)`
sec: write `1 / cos(x)`
csc cosec: write `1 / sin(x)`
acot arccot: write `atan(1 / x)`
csch: write `1 / sinh(x)`
coth: write `1 / tanh(x)`
radians deg_to_rad: deg2rad
degrees rad_to_deg: rad2deg
sind: write `sin(deg2rad(x))`
cosd: write `cos(deg2rad(x))`
tand: write `tan(deg2rad(x))`
cosm1: write `-2 * sin(x / 2)^2`

# special functions
gamma tgamma Gamma: write `exp(lgamma(x))`, for x > 0
gammaln loggamma lngamma log_gamma: lgamma
rgamma: write `exp(-lgamma(x))`, for x > 0
factorial: write `exp(lgamma(n + 1))`
log_factorial lfactorial logfactorial: write `lgamma(n + 1)`
choose comb binom binomial nchoosek binomial_coefficient: write `exp(lchoose(n, k))`
log_choose binomial_coefficient_log: lchoose
perm: write `exp(lgamma(n + 1) - lgamma(n - k + 1))`
falling_factorial: write `exp(lgamma(n + 1) - lgamma(n - k + 1))`
poch rising_factorial: write `exp(lgamma(x + n) - lgamma(x))`
log_falling_factorial: write `lgamma(n + 1) - lgamma(n - k + 1)`
log_rising_factorial: write `lgamma(x + n) - lgamma(x)`
betaln logbeta: lbeta
psi: digamma
trigamma: write `polygamma(1, x)`
tetragamma: write `polygamma(2, x)`
mvlgamma multigammaln lmgamma: write `p * (p - 1) / 4 * log(pi) + sum(lgamma(a + (1 - arange(1, p +
    1)) / 2))`
gamma_p igamma: gammainc
gamma_q igammac gammaincc: write `1 - gammainc(a, x)`
erf_inv inverse_erf: erfinv
erfcinv inv_erfc: write `erfinv(1 - x)`
erfcx: write `exp(x^2) * erfc(x)`
log_erfc: write `log(erfc(x))`
ndtr Phi phi_cdf norm_cdf std_normal_cdf: normal_cdf
log_ndtr std_normal_lcdf: write `log(normal_cdf(x))`
ndtri norm_ppf inv_Phi probit std_normal_qf: write `sqrt(2) * erfinv(2 * p - 1)`
norm_pdf std_normal_pdf: normal_pdf
std_normal_lpdf: write `-x^2 / 2 - log(2 * pi) / 2`
std_normal: write `-x^2 / 2 - log(2 * pi) / 2`
expit logistic: sigmoid
inv_cloglog: write `-expm1(-exp(x))`
cloglog: write `log(-log1p(-p))`
zeta lambertw lambert_w0 ellipk ellipe jv j0 j1 bessel_first_kind iv i0 i1
    modified_bessel_first_kind kv expi exp1 hyp2f1 betainc inc_beta airy fresnel spence: it is not
    built in; a function of your own can have a rule: `fn f(x) { … } derivative (x, y, g) { … }`

# functions of neural networks
relu6: write `clamp(x, 0, 6)`
leakyrelu leakyReLU LeakyReLU: leaky_relu
swish SiLU: silu
ReLU: relu
GELU: gelu
ELU: elu
Softplus soft_plus: softplus
selu: write `1.0507 * elu(x, 1.67326)`
mish: write `x * tanh(softplus(x))`
hardtanh: write `clamp(x, -1, 1)`
hardsigmoid: write `clamp(x / 6 + 0.5, 0, 1)`
tanhshrink: write `x - tanh(x)`
softsign: write `x / (1 + abs(x))`
softmin: write `softmax(-x)`
Softmax: softmax
mse_loss mse: write `mean((x - y)^2)`
l1_loss mae: write `mean(abs(x - y))`
cross_entropy: write `-log_softmax(x)[label]`
nll_loss: write `-x[label]`, of logarithms of probabilities
binary_cross_entropy: write `-mean(xlogy(y, p) + xlogy(1 - y, 1 - p))`
binary_cross_entropy_with_logits: write `mean(softplus(x) - y * x)`
huber_loss smooth_l1_loss huber: write `where(abs(r) < 1, r^2 / 2, abs(r) - 0.5)`
cosine_similarity: write `dot(a, b) / (norm(a) * norm(b))`
dropout: write `x * (rand(shape(x)) > p) / (1 - p)`
linear: write `x @ w.T + b`

# sums, means and order
average nanmean: mean
nansum: write `sum(where(x == x, x, 0))`
sd stdev: write `std(x, ddof=1)`
stddev nanstd: std
variance: write `var(x, ddof=1)`
nanvar: var
nanmedian: median
percentile: write `quantile(x, p / 100)`
std_mean var_mean: write `mean(x)` and `std(x)`
zscore: write `(x - mean(x)) / std(x)`
count_nonzero: write `sum(x != 0)`
cumulative_sum: cumsum
cumulative_prod: cumprod
trapz trapezoid: write `cumtrapz(y, x)[-1]`
cumulative_trapezoid: cumtrapz
logcumsumexp: write `log(cumsum(exp(x)))`
ediff1d: diff
dot_self sum_of_squares: write `dot(x, x)`
squared_distance: write `sum((x - y)^2)`
distance cdist pdist: write `norm(x - y)`
sort_asc msort: sort
sort_desc: write `flip(sort(x))`
sort_indices_asc: argsort
corrcoef: write `mean((x - mean(x)) * (y - mean(y))) / (std(x) * std(y))`
cov: write `sum((x - mean(x)) * (y - mean(y))) / (len(x) - 1)`

# linear algebra
mm bmm matrix_multiply multi_dot: write `a @ b`
mv matvec: write `a @ v`
inner vdot dot_product inner_product: dot
addmm: write `c + a @ b`
columns_dot_product: write `sum(a * b, axis=0)`
rows_dot_product: write `sum(a * b, axis=1)`
quad_form: write `v @ a @ v`
crossprod: write `x.T @ x`
tcrossprod: write `x @ x.T`
inverse inv_matrix: inv
inverse_spd: inv
pinv: write `inv(a.T @ a) @ a.T`
lstsq: write `solve(a.T @ a, a.T @ b)`
determinant: det
slogdet log_determinant logabsdet: logdet
cholesky_decompose: cholesky
eig eigvalsh eigenvalues_sym eigvals: write `w, v = eigh(a)`
svd: write `svdvals(a)` for the singular values
singular_values: svdvals
mdivide_left solve_triangular cho_solve: write `solve(a, b)`
mdivide_right: write `solve(b.T, a.T).T`
trace_quad_form: write `trace(b.T @ a @ b)`
vector_norm matrix_norm frobenius_norm norm2: norm
norm1: write `sum(abs(x))`
diagonal diag_matrix diag_embed diagflat: diag
tensordot: einsum
matrix_power: write the product `a @ a`, as often as it takes
expm matrix_exp: it is not built in; a few terms of its series are a loop

# arrays
array asarray tensor as_tensor vector row_vector: an array is written `[1, 2, 3]`
zeros_like: write `zeros(shape(x))`
ones_like: write `ones(shape(x))`
full_like: write `full(shape(x), value)`
empty empty_like: zeros
identity: eye
identity_matrix: eye
rep_vector: write `full(n, x)`
rep_matrix: write `full([m, n], x)`
rep_array: write `full(n, x)`
linspaced_vector: linspace
logspace: write `10^linspace(a, b, n)`
geomspace: write `a * (b / a)^linspace(0, 1, n)`
concatenate cat hstack column_stack append_row append_col append_array: concat
vstack row_stack dstack: stack
ravel to_vector to_array_1d to_row_vector: flatten
view to_matrix: reshape
permute swapaxes moveaxis t: transpose
squeeze unsqueeze expand_dims: reshape
broadcast_to expand: write `x * ones(shape)`
fliplr flipud reverse: flip
size numel num_elements: write `prod(shape(x))`
length rows: len
cols: write `shape(x)[1]`
ndim dims: write `len(shape(x))`
head: write `x[:n]`
tail: write `x[-n:]`
segment: write `x[i:i + n]`
take index_select: write `x[indices]`
nonzero argwhere: a selection is `x[x > 0]`
meshgrid: write `reshape(x, [len(x), 1])` beside `y`, which broadcast
cumulative_max cummax cummin unique searchsorted histogram bincount: it is not built in
pad: write `concat(zeros(n), x, zeros(n))`
random uniform uniform_rng: rand
normal normal_rng std_normal_rng: randn
integers: randint
permutation: shuffle

# derivatives
gradient derivative deriv autograd: write `grad(y, x)`
jac jacfwd jacrev: jacobian
hess: hessian
stop_gradient no_grad: detach
vmap: map
float double int: a number is a float where it has to be; there is nothing to convert
str format: write `print("…", x)`
"""


@cache
def _table() -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _ROWS.replace("\n    ", " ").splitlines():
        words, colon, answer = row.partition(": ")
        if colon and not row.startswith("#"):
            found.update(dict.fromkeys(words.split(), answer))
    return found


def names() -> Collection[str]:
    """All that are known."""
    return _table().keys()


def elsewhere(name: str) -> str:
    """What to write for a function of another system; empty for a name that is none's."""
    answer = _table().get(name, "")
    return f"did you mean `{answer}`?" if answer.isidentifier() else answer
