/* `shoal sim` without the rest of shoal, so that it can run under sanitizers. */
#include "sim/sim.h"

int main(int argc, char **argv)
{
    return sim_main(argc, argv);
}
