#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "setup.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char *joined(const char *name, const char *value)
{
    size_t name_bytes = strlen(name);
    size_t value_bytes = strlen(value);
    char *text = mem_alloc(1, name_bytes + value_bytes + 2);
    memcpy(text, name, name_bytes);
    text[name_bytes] = '=';
    memcpy(text + name_bytes + 1, value, value_bytes);
    return text;
}

static const char *value_of(const struct runtime_container *container, const char *name)
{
    for (size_t i = container->env_count; i > 0; i--)
        if (strcmp(container->env[i - 1].name, name) == 0)
            return container->env[i - 1].value;
    return NULL;
}

/* The last of two variables of one name wins, as it does in a shell's `env`. */
static bool is_shadowed(const struct runtime_container *container, size_t index)
{
    for (size_t i = index + 1; i < container->env_count; i++)
        if (strcmp(container->env[i].name, container->env[index].name) == 0)
            return true;
    return false;
}

static char **build_environment(const struct runtime_container *container, const char *hostname,
                                const char *home)
{
    char **environment = MEM_NEW_ARRAY(char *, container->env_count + 4);
    size_t count = 0;
    for (size_t i = 0; i < container->env_count; i++)
        if (!is_shadowed(container, i))
            environment[count++] = joined(container->env[i].name, container->env[i].value);
    if (value_of(container, "PATH") == NULL)
        environment[count++] = joined("PATH", PATH_DEFAULT);
    if (value_of(container, "HOME") == NULL)
        environment[count++] = joined("HOME", home);
    if (value_of(container, "HOSTNAME") == NULL)
        environment[count++] = joined("HOSTNAME", hostname);
    return environment;
}

static void reset_signals(void)
{
    sigset_t none;
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &action, NULL); /* SIGKILL, SIGSTOP and libc's own refuse */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* execve along PATH. Returns the errno that says most. */
static int exec_along(const char *path_list, const char *program, char *const argv[],
                      char *const environment[])
{
    int best = ENOENT;
    for (const char *at = path_list;; at++) {
        size_t length = strcspn(at, ":");
        char path[PATH_MAX];
        int chars = snprintf(path, sizeof(path), "%.*s/%s", length ? (int)length : 1,
                             length ? at : ".", program);
        if (chars > 0 && (size_t)chars < sizeof(path)) {
            execve(path, argv, environment);
            if (errno != ENOENT && errno != ENOTDIR)
                best = errno;
            else if (access(path, F_OK) == 0)
                return ELIBBAD; /* found, but what would run it was not */
        }
        at += length;
        if (*at == 0)
            return best;
    }
}

static int explain(const char *program, int errnum, struct step_failure *failure)
{
    const char *text = NULL;
    if (errnum == ENOENT)
        text = "no such file or directory in the image";
    else if (errnum == ELIBBAD)
        text = "it is there, but its interpreter or loader is not in the image";
    else if (errnum == EACCES)
        text = "permission denied: not an executable file for this user";
    else if (errnum == ENOEXEC)
        text = "not a program for this machine, nor a script that begins with #!";
    else if (errnum == E2BIG)
        text = "arguments and environment are too long";
    else
        text = strerror(errnum);
    step_fail(failure, STEP_EXEC, 0, "exec \"%s\": %s", program, text);
    failure->errnum = errnum == ELIBBAD ? ENOENT : errnum;
    return -1;
}

int setup_exec(const struct runtime_container *container, const char *hostname, const char *home,
               struct step_failure *failure)
{
    const char *program = container->argv[0];
    char **argv = MEM_NEW_ARRAY(char *, container->argv_count + 1);
    for (size_t i = 0; i < container->argv_count; i++)
        argv[i] = mem_strdup(container->argv[i]);
    char **environment = build_environment(container, hostname, home);
    reset_signals();
    int errnum;
    if (strchr(program, '/') != NULL) {
        execve(program, argv, environment);
        errnum = errno == ENOENT && access(program, F_OK) == 0 ? ELIBBAD : errno;
    } else {
        const char *path_list = value_of(container, "PATH");
        errnum = exec_along(path_list ? path_list : PATH_DEFAULT, program, argv, environment);
    }
    return explain(program, errnum, failure);
}
