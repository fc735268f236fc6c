// What a small program asks of malloc: every function that the formats know.
#include <malloc.h>
#include <mcheck.h>
#include <stdlib.h>
#include <string.h>

struct node { struct node *next; char text[20]; };

static struct node *build(int n) {
    struct node *head = NULL;
    for (int i = 0; i < n; i++) {
        struct node *node = malloc(sizeof *node);
        node->next = head;
        head = node;
    }
    return head;
}

static void clear(struct node *head) {
    while (head) {
        struct node *next = head->next;
        free(head);
        head = next;
    }
}

int main(void) {
    mtrace();
    struct node *list = build(12);
    int *numbers = calloc(10, sizeof *numbers);
    size_t capacity = 8;
    char *text = malloc(capacity);
    while (capacity < 4000) {
        capacity *= 2;
        text = realloc(text, capacity);
    }
    text = realloc(text, 100);
    char *fresh = realloc(NULL, 50);
    void *large = malloc(200000);
    void *none = malloc(0);
    void *aligned = aligned_alloc(64, 128);
    void *refused = malloc((size_t)-100);
    void *still = realloc(numbers, (size_t)-200);
    free(refused);
    free(still);
    clear(list);
    free(aligned);
    free(none);
    large = realloc(large, 300000);
    free(large);
    free(fresh);
    free(text);
    muntrace();
    return numbers[3];
}
