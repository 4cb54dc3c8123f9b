/* One SVG: how many members the machines see alive over time, and how long updates took. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "stats.h"

#define WIDTH  860.0
#define HEIGHT 260.0
#define LEFT   60.0
#define TOP    40.0
#define GAP    90.0
#define TICKS  5

struct panel {
    FILE *file;
    double top;
    double x_max, y_max;
};

static double x_of(const struct panel *panel, double x)
{
    return LEFT + (panel->x_max > 0 ? x / panel->x_max : 0) * WIDTH;
}

static double y_of(const struct panel *panel, double y)
{
    return panel->top + HEIGHT - (panel->y_max > 0 ? y / panel->y_max : 0) * HEIGHT;
}

static void frame(const struct panel *panel, const char *title, const char *x_unit)
{
    (void)fprintf(panel->file,
                  "<text x=\"%.0f\" y=\"%.0f\" font-weight=\"bold\">%s</text>\n"
                  "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" fill=\"none\" "
                  "stroke=\"#888\"/>\n",
                  LEFT, panel->top - 10, title, LEFT, panel->top, WIDTH, HEIGHT);
    for (int i = 0; i <= TICKS; i++) {
        double x = panel->x_max * i / TICKS;
        double y = panel->y_max * i / TICKS;
        (void)fprintf(panel->file,
                      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.4g %s</text>\n"
                      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
                      x_of(panel, x), panel->top + HEIGHT + 18, x, x_unit, LEFT - 6,
                      y_of(panel, y) + 4, y);
    }
}

typedef double (*sample_value)(const struct stats_sample *sample);

static double running_of(const struct stats_sample *sample)
{
    return sample->running_count;
}
static double least_of(const struct stats_sample *sample)
{
    return sample->alive_min;
}
static double most_of(const struct stats_sample *sample)
{
    return sample->alive_max;
}

static void draw_samples(const struct panel *panel, const struct stats *stats, sample_value value,
                         const char *colour)
{
    (void)fprintf(panel->file, "<polyline fill=\"none\" stroke=\"%s\" points=\"", colour);
    for (size_t i = 0; i < stats->samples_count; i++)
        (void)fprintf(panel->file, "%.1f,%.1f ",
                      x_of(panel, (double)stats->samples[i].at_ms / 1000),
                      y_of(panel, value(&stats->samples[i])));
    (void)fputs("\"/>\n", panel->file);
}

static void draw_members(const struct sim *sim, FILE *file)
{
    struct panel panel = {.file = file,
                          .top = TOP,
                          .x_max = (double)sim->now_ms / 1000,
                          .y_max = (double)sim->options.nodes};
    frame(&panel,
          "members: running (grey), seen alive at least (red) and at most (blue) by any that runs",
          "s");
    draw_samples(&panel, sim->stats, running_of, "#999");
    draw_samples(&panel, sim->stats, least_of, "#c22");
    draw_samples(&panel, sim->stats, most_of, "#22c");
}

static int compare(const void *a, const void *b)
{
    uint32_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static void draw_latencies(const struct sim *sim, FILE *file)
{
    size_t count = sim->stats->latencies_count;
    uint32_t *sorted = mem_dup(sim->stats->latencies_ms, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare);
    struct panel panel = {
        .file = file, .top = TOP + HEIGHT + GAP, .x_max = sorted[count - 1] + 1.0, .y_max = 100};
    frame(&panel, "updates: share of (write, machine) that have it, in percent", "ms");
    (void)fputs("<polyline fill=\"none\" stroke=\"#22c\" points=\"", file);
    for (size_t i = 0; i <= 500; i++) {
        size_t at = (count - 1) * i / 500;
        (void)fprintf(file, "%.1f,%.1f ", x_of(&panel, sorted[at]),
                      y_of(&panel, 100.0 * (double)(at + 1) / (double)count));
    }
    (void)fputs("\"/>\n", file);
    mem_free(sorted);
}

void plot_write(const struct sim *sim, FILE *file)
{
    bool latencies = sim->stats->latencies_count > 0;
    double height = TOP + HEIGHT + 40 + (latencies ? HEIGHT + GAP : 0);
    (void)fprintf(file,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                  "font-family=\"sans-serif\" font-size=\"12\">\n"
                  "<title>shoal sim: %" PRIu32 " nodes, seed %" PRIu64 "</title>\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                  LEFT + WIDTH + 40, height, sim->options.nodes, sim->options.seed);
    draw_members(sim, file);
    if (latencies)
        draw_latencies(sim, file);
    (void)fputs("</svg>\n", file);
}
