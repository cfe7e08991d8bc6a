// nbody.c - prints the expected values of ../nbody.air. Reproduce: cc -O1 -ffp-contract=off nbody.c -lm && ./a.out
//
// The order of the floating-point operations is the program's: each is rounded, so another order is another result.
#include "hexfloat.h"

typedef struct {
  double position[3], velocity[3], mass;
} Body;

#define SOLAR_MASS (4 * 3.141592653589793 * 3.141592653589793)
#define DAYS 365.24

static const Body start[5] = {
    {{0, 0, 0}, {0, 0, 0}, SOLAR_MASS},
    {{4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01},
     {1.66007664274403694e-03 * DAYS, 7.69901118419740425e-03 * DAYS, -6.90460016972063023e-05 * DAYS},
     9.54791938424326609e-04 * SOLAR_MASS},
    {{8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01},
     {-2.76742510726411554e-03 * DAYS, 4.99852801234917238e-03 * DAYS, 2.30417297573763929e-05 * DAYS},
     2.85885980666130812e-04 * SOLAR_MASS},
    {{1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01},
     {2.96460137564761618e-03 * DAYS, 2.37847173959480950e-03 * DAYS, -2.96589568540237556e-05 * DAYS},
     4.36624404335156298e-05 * SOLAR_MASS},
    {{1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01},
     {2.68067772490389322e-03 * DAYS, 1.62824170038242295e-03 * DAYS, -9.51592254519715870e-05 * DAYS},
     5.15138902046611451e-05 * SOLAR_MASS},
};

static Body body[5];

static double distance_squared(int p, int q, double d[3]) {
  for (int k = 0; k < 3; ++k) d[k] = body[p].position[k] - body[q].position[k];
  return d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
}

static double energy(void) {
  double e = 0, d[3];
  for (int p = 0; p < 5; ++p) {
    const double* v = body[p].velocity;
    e += 0.5 * body[p].mass * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int q = p + 1; q < 5; ++q) e -= body[p].mass * body[q].mass / sqrt(distance_squared(p, q, d));
  }
  return e;
}

static void advance(double dt) {
  for (int p = 0; p < 5; ++p) {
    for (int q = p + 1; q < 5; ++q) {
      double d[3];
      const double dd = distance_squared(p, q, d), mag = dt / (dd * sqrt(dd));
      const double mp = body[p].mass * mag, mq = body[q].mass * mag;
      for (int k = 0; k < 3; ++k) {
        body[p].velocity[k] -= d[k] * mq;
        body[q].velocity[k] += d[k] * mp;
      }
    }
  }
  for (int p = 0; p < 5; ++p) {
    for (int k = 0; k < 3; ++k) body[p].position[k] += dt * body[p].velocity[k];
  }
}

// The argument `ore` is for ../nbody.ore, which gives the energy afterwards only.
int main(int argc, char** argv) {
  const int ore = argc > 1 && strcmp(argv[1], "ore") == 0;
  static const int steps[] = {0, 1, 100, 1000};
  for (int s = 0; s < 4; ++s) {
    double momentum[3] = {0, 0, 0};
    memcpy(body, start, sizeof start);
    for (int p = 0; p < 5; ++p) {
      for (int k = 0; k < 3; ++k) momentum[k] += body[p].velocity[k] * body[p].mass;
    }
    for (int k = 0; k < 3; ++k) body[0].velocity[k] = -momentum[k] / body[0].mass;
    printf(ore ? "; run: @energy_after(%d) == " : "; run: @main(%d) == ", steps[s]);
    if (!ore) print_float(energy());
    if (!ore) printf(", ");
    for (int i = 0; i < steps[s]; ++i) advance(0.01);
    print_float(energy());
    printf("\n");
  }
  return 0;
}
