import { z } from 'zod';

/** Health, metrics and the status page: where they listen, and who may look. */
export const httpSchema = z
  .strictObject({
    enabled: z.boolean().default(true),
    host: z.string().default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(8484),
    token: z
      .strictObject({
        file: z.string().optional(),
        env: z.string().optional().describe('name of an environment variable'),
      })
      .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
        message: 'needs just one of file, env',
      })
      .optional()
      .describe('sent as `Authorization: Bearer …`, or as the password of Basic by browsers'),
    tls: z
      .strictObject({
        cert_file: z.string().describe('PEM, with intermediates'),
        key_file: z.string(),
        client_ca_file: z
          .string()
          .optional()
          .describe('who has a certificate of this authority needs no token'),
      })
      .optional(),
    allow_unauthenticated: z
      .boolean()
      .default(false)
      .describe('answer everybody on an address other than loopback, without token or client certificate'),
    recent_changes: z
      .int()
      .min(0)
      .max(500)
      .default(0)
      .describe('newest changes shown on the status page, with their masked values; 0: none'),
  })
  .prefault({});

export type HttpSection = z.infer<typeof httpSchema>;
