// SPDX-License-Identifier: MIT
#include "azure/lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/thread.h"

#define LOOKUP_THREAD "hub-dns"

/* Shared by the thread "loop" and its own thread; the later one frees it. */
struct lookup {
        struct loop *loop;
        char *host;
        unsigned which;
        lookup_done *done;
        void *context;
        char address[NI_MAXHOST]; /* "" = none; written before it is posted */
        const char *why;
        pthread_mutex_t lock; /* guards what follows */
        bool cancelled;
        bool posted;
        int users;
};

static void drop(struct lookup *lookup)
{
        int users;

        pthread_mutex_lock(&lookup->lock);
        users = --lookup->users;
        pthread_mutex_unlock(&lookup->lock);
        if (users > 0)
                return;
        pthread_mutex_destroy(&lookup->lock);
        free(lookup->host);
        free(lookup);
}

/* On the thread "loop". */
static void deliver(void *context)
{
        struct lookup *lookup = context;

        if (!lookup->cancelled)
                lookup->done(lookup->context, lookup->address[0] == '\0' ? NULL : lookup->address,
                             lookup->why);
        drop(lookup);
}

/* IPv4 first; each in its turn. */
static const struct addrinfo *pick(const struct addrinfo *list, unsigned which)
{
        static const int families[] = {AF_INET, AF_INET6};
        unsigned count = 0;

        for (const struct addrinfo *each = list; each != NULL; each = each->ai_next)
                count += each->ai_family == AF_INET || each->ai_family == AF_INET6;
        which = count > 0 ? which % count : 0;
        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                for (const struct addrinfo *each = list; each != NULL; each = each->ai_next) {
                        if (each->ai_family == families[i] && which-- == 0)
                                return each;
                }
        }
        return NULL;
}

static void resolve(struct lookup *lookup)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        const struct addrinfo *picked;
        struct addrinfo *list = NULL;
        int error = getaddrinfo(lookup->host, NULL, &hints, &list);

        if (error != 0) {
                lookup->why = gai_strerror(error);
                return;
        }
        picked = pick(list, lookup->which);
        if (picked == NULL || getnameinfo(picked->ai_addr, picked->ai_addrlen, lookup->address,
                                          sizeof(lookup->address), NULL, 0, NI_NUMERICHOST) != 0) {
                lookup->address[0] = '\0';
                lookup->why = "the name has no address";
        }
        freeaddrinfo(list);
}

static void *run(void *context)
{
        struct lookup *lookup = context;

        thread_enter(LOOKUP_THREAD);
        resolve(lookup);
        pthread_mutex_lock(&lookup->lock);
        if (!lookup->cancelled) {
                lookup->posted = true;
                loop_post(lookup->loop, deliver, lookup);
        }
        pthread_mutex_unlock(&lookup->lock);
        drop(lookup);
        return NULL;
}

struct lookup *lookup_start(struct loop *loop, const char *host, unsigned which, lookup_done *done,
                            void *context)
{
        struct lookup *lookup = mem_new(1, sizeof(*lookup));
        pthread_t thread;

        lookup->loop = loop;
        lookup->host = mem_text(host);
        lookup->which = which;
        lookup->done = done;
        lookup->context = context;
        lookup->users = 2;
        pthread_mutex_init(&lookup->lock, NULL);
        thread_start(&thread, run, lookup);
        pthread_detach(thread);
        return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
        bool posted;

        pthread_mutex_lock(&lookup->lock);
        lookup->cancelled = true;
        posted = lookup->posted;
        pthread_mutex_unlock(&lookup->lock);
        if (!posted) /* else it is dropped by what was posted */
                drop(lookup);
}
