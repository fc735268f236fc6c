/* A child that allocates on its own, a parent that goes on, and in the end a signal. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    void *volatile block = malloc(1000);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 1000; i++) block = malloc(77);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    for (int i = 0; i < 10; i++) block = malloc(55);
    free(block);
    raise(SIGKILL);
}
