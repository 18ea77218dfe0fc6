// SPDX-License-Identifier: MIT
/*
 * Threads: `camera-1`, `camera-2`, ... (watch/camera.c), `loop` (azure/hub: the devices' state),
 * `store` and `store-read`, `http` (provisioning, pictures), `health` (answers /healthz); and
 * `model`, which opens the model and ends. `main` starts, waits for a signal and stops.
 */
#include "camera/program.h"

#include <stdlib.h>
#include <unistd.h>

#include "azure/identity/identity.h"
#include "base/loop.h"
#include "base/mem.h"
#include "camera/cloud/cloud.h"
#include "camera/watch/camera.h"
#include "camera/watch/eye.h"
#include "camera/watch/health.h"
#include "http/client/http_client.h"
#include "secrets/secrets.h"

#define PRODUCT "isthmus-camera/" ISTHMUS_VERSION

/* For the hub's last answers. */
#define STOP_PATIENCE_MS 1000

/* How long the start waits for secrets from Key Vault; it goes on without them. */
#define SECRETS_PATIENCE_MS 5000

/* So long the first picture may take to come, to be what the model is tried with. */
#define FIRST_PICTURE_MS 200

struct program {
        const struct camera_program_settings *settings;
        struct camera_program_settings *changing; /* the same, for what changes its secrets */
        struct eye *eye;
        struct store *store;
        struct loop *loop;
        struct http_client *http;
        struct identity *identity;
        struct secrets *secrets;
        struct dps_client *dps;
        struct hub_client *hubs;
        struct cloud *cloud;
        struct camera **cameras;
        size_t count;
        struct health *health;
        bool is_cloud_started;
};

/* The model takes longest; what lies between these two is done meanwhile. */
static int open_model(struct program *program, struct reason *reason)
{
        (void)reason;
        program->eye = eye_new(program->settings);
        return 0;
}

static int wait_for_model(struct program *program, struct reason *reason)
{
        return eye_wait(program->eye, reason);
}

static int open_store(struct program *program, struct reason *reason)
{
        return store_open(
                &(struct store_options){
                        .backend = "sqlite",
                        .directory = program->settings->data_directory,
                        .maximum_bytes = program->settings->store_bytes,
                        .dead_letter_bytes = program->settings->store_bytes,
                },
                &program->store, reason);
}

/* What a service was shown is perhaps not what the vault holds now. */
static void doubt_secrets(void *context)
{
        const struct program *program = context;

        secrets_doubt(program->secrets);
}

static int open_http(struct program *program, struct reason *reason)
{
        const struct camera_program_settings *settings = program->settings;
        int result = http_client_new(
                &(struct http_client_options){.trusted_certificates =
                                                      settings->trusted_certificates,
                                              .user_agent = PRODUCT,
                                              .refused = doubt_secrets,
                                              .context = program},
                &program->http, reason);
        if (result != 0)
                return result;
        program->loop = loop_new();
        program->dps = dps_client_new(&(struct dps_client_options){.http = program->http});
        return 0;
}

/* On the thread "loop", which runs when all devices are known. */
static void use_secrets(void *context)
{
        const struct program *program = context;

        cloud_secrets_changed(program->cloud);
}

/* Any thread; perhaps before there is anybody to use them. */
static void on_secrets_changed(void *context)
{
        struct program *program = context;

        loop_post(program->loop, use_secrets, program);
}

/* They come while the model is opened. */
static int ask_for_secrets(struct program *program, struct reason *reason)
{
        (void)reason;
        program->identity = identity_new(
                &(struct identity_options){.http = program->http, .environment = environ});
        program->secrets = secrets_new(&(struct secrets_options){
                .schema = &camera_schema,
                .target = program->changing,
                .http = program->http,
                .identity = program->identity,
                .changed = on_secrets_changed,
                .context = program,
        });
        return 0;
}

static int wait_for_secrets(struct program *program, struct reason *reason)
{
        (void)reason;
        secrets_wait(program->secrets, SECRETS_PATIENCE_MS);
        return 0;
}

/* After the first pictures are asked for: all the system's certificates are read for it. */
static int open_hubs(struct program *program, struct reason *reason)
{
        const struct camera_program_settings *settings = program->settings;

        return hub_client_new(
                &(struct hub_client_options){
                        .loop = program->loop,
                        .trusted_certificates = settings->trusted_certificates,
                        .port = (uint16_t)settings->amqp_port,
                        .token_lifetime_ms = settings->token_lifetime_minutes * 60 * 1000,
                        .client_version = PRODUCT,
                },
                &program->hubs, reason);
}

static int make_cameras(struct program *program, struct reason *reason)
{
        size_t count = camera_settings_count(program->settings);
        int result = 0;

        program->cloud = cloud_new(&(struct cloud_options){.store = program->store,
                                                           .loop = program->loop,
                                                           .dps = program->dps,
                                                           .refused = doubt_secrets,
                                                           .context = program});
        program->cameras = mem_new(count, sizeof(*program->cameras));
        while (result == 0 && program->count < count) {
                result = camera_new(
                        &(struct camera_options){
                                .settings = camera_settings_of(program->settings, program->count),
                                .model = program->settings->model,
                                .eye = program->eye,
                                .cloud = program->cloud,
                                .store = program->store,
                                .http = program->http,
                                .number = program->count + 1,
                        },
                        &program->cameras[program->count], reason);
                if (result == 0)
                        program->count++;
        }
        return result;
}

static int listen_for_questions(struct program *program, struct reason *reason)
{
        return health_start(&(struct health_options){.host = program->settings->host,
                                                     .port = program->settings->port,
                                                     .key = &program->settings->page_key,
                                                     .cameras = program->cameras,
                                                     .count = program->count},
                            &program->health, reason);
}

static int start_cameras(struct program *program, struct reason *reason)
{
        int result = 0;

        for (size_t i = 0; i < program->count && result == 0; i++)
                result = camera_start(program->cameras[i], reason);
        return result;
}

static int start_cloud(struct program *program, struct reason *reason)
{
        int result = cloud_start(program->cloud, program->hubs, reason);

        program->is_cloud_started = result == 0;
        return result;
}

/* A model that does not run is refused. Who wants a picture at once need not wait for that. */
static int try_model(struct program *program, struct reason *reason)
{
        int64_t patience_ms = 0;

        for (size_t i = 0; i < program->count; i++) {
                if (camera_settings_of(program->settings, i)->due_ms == 0)
                        patience_ms = FIRST_PICTURE_MS;
        }
        return eye_try(program->eye, patience_ms, reason);
}

int program_start(struct camera_program_settings *settings, struct program **program,
                  struct reason *reason)
{
        static int (*const steps[])(struct program *, struct reason *) = {
                open_model,       open_store,           open_http,
                ask_for_secrets,  wait_for_model,       make_cameras,
                wait_for_secrets, start_cameras,        open_hubs,
                start_cloud,      listen_for_questions, try_model,
        };
        struct program *made = mem_new(1, sizeof(*made));

        made->settings = made->changing = settings;
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                if (steps[i](made, reason) != 0) {
                        program_stop(made);
                        return PROGRAM_E_NOT_STARTED;
                }
        }
        *program = made;
        return 0;
}

uint16_t program_port(const struct program *program)
{
        return health_port(program->health);
}

const char *program_describe(const struct program *program)
{
        return eye_describe(program->eye);
}

size_t program_cameras(const struct program *program)
{
        return program->count;
}

void program_refresh(struct program *program)
{
        secrets_refresh(program->secrets);
}

void program_stop(struct program *program)
{
        health_stop(program->health);
        for (size_t i = 0; i < program->count; i++)
                camera_stop(program->cameras[i]);
        for (size_t i = 0; i < program->count; i++)
                camera_join(program->cameras[i]);
        if (program->is_cloud_started)
                cloud_stop(program->cloud);
        http_client_free(program->http);
        identity_free(program->identity);
        secrets_free(program->secrets);
        dps_client_free(program->dps);
        if (program->hubs)
                hub_client_free(program->hubs, STOP_PATIENCE_MS);
        if (program->store)
                store_close(program->store);
        for (size_t i = 0; i < program->count; i++)
                camera_free(program->cameras[i]);
        cloud_free(program->cloud);
        free(program->cameras);
        loop_free(program->loop);
        eye_free(program->eye);
        free(program);
}
