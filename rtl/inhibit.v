// inhibit: each value is reduced by how far its key is from the query, and what remains is summed.
//
//   signed    H_ik = sum_j sign(v_jk) max(|v_jk| - z'_ij, 0)     (Signed = 1)
//   unsigned  H_ik = sum_j max(v_jk - z'_ij, 0)                  (Signed = 0)
//   g_ik = saturate(round_shift(H_ik, shift), Bits)
//
// H is exact: the sum is never saturated on the way. A padded key has z' = 127 and so adds nothing, as long
// as no v is -128. A frame is one head (or one tile of Lanes queries of it):
//   s_axis_z  word j is z' of all queries against key j, 8 bits a lane, lane 0 in the low bits; tlast on the
//             last, up to Keys words: what manhattan_score gives;
//   s_axis_v  then the values as int8 scalars, feature outside and key inside: v_00, v_10, ..., v_n0, v_01,
//             ...; tlast on the last key of the last feature;
//   m_axis    word k is g of all queries, Bits bits a lane, lane 0 in the low bits; tlast on the last.
// shift_i stays put from the first value to the last word out.
//
// Cycles from the first word in to the last word out, without stalls: keys + features * keys + 3.
`default_nettype none

module inhibit #(
    parameter integer Lanes  = 16,
    parameter integer Keys   = 64, // most keys
    parameter integer Bits   = 8,  // 16 when an inner norm follows
    parameter integer Signed = 1
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    input  wire [           4:0] shift_i,

    input  wire [   8*Lanes-1:0] s_axis_z_tdata,
    input  wire                  s_axis_z_tvalid,
    output wire                  s_axis_z_tready,
    input  wire                  s_axis_z_tlast,

    input  wire [           7:0] s_axis_v_tdata,
    input  wire                  s_axis_v_tvalid,
    output wire                  s_axis_v_tready,
    input  wire                  s_axis_v_tlast,

    output wire [Bits*Lanes-1:0] m_axis_tdata,
    output reg                   m_axis_tvalid,
    input  wire                  m_axis_tready,
    output reg                   m_axis_tlast
);
  localparam integer KeyWidth = $clog2(Keys);
  localparam integer SumWidth = Bits == 16 ? 17 : 8 + KeyWidth; // |H| <= 127 * Keys; wider than Bits

  wire advance = !m_axis_tvalid || m_axis_tready;

  // Either the scores of a frame are loaded, or its values are read.
  reg loaded_q;
  reg [KeyWidth-1:0] key_q, final_key_q;
  reg [8*Lanes-1:0] scores_q[0:Keys-1];

  assign s_axis_z_tready = !loaded_q;
  assign s_axis_v_tready = loaded_q && advance;
  wire z_beat = s_axis_z_tvalid && s_axis_z_tready;
  wire v_beat = s_axis_v_tvalid && s_axis_v_tready;
  wire row_end = key_q == final_key_q;

  // Stage 1: read the scores of this key. Stage 2: accumulate. Stage 3: requantize a finished row.
  reg read_valid_q, read_first_q, read_last_q, read_end_q, sum_valid_q, sum_end_q;
  reg [6:0] magnitude_q;
  reg negative_q;
  reg [8*Lanes-1:0] read_q;
  wire negative = s_axis_v_tdata[7];
  wire [6:0] minus_v = 7'd0 - s_axis_v_tdata[6:0];

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      loaded_q      <= 1'b0;
      key_q         <= {KeyWidth{1'b0}};
      read_valid_q  <= 1'b0;
      sum_valid_q   <= 1'b0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (z_beat) loaded_q <= s_axis_z_tlast;
      if (v_beat && s_axis_v_tlast) loaded_q <= 1'b0;
      if (z_beat) key_q <= s_axis_z_tlast ? {KeyWidth{1'b0}} : key_q + 1'b1;
      if (v_beat) key_q <= row_end ? {KeyWidth{1'b0}} : key_q + 1'b1;
      if (advance) begin
        read_valid_q  <= v_beat;
        sum_valid_q   <= read_valid_q && read_last_q;
        m_axis_tvalid <= sum_valid_q;
      end
    end

    if (z_beat) scores_q[key_q] <= s_axis_z_tdata;
    if (z_beat) final_key_q <= key_q;
    if (advance) begin
      read_q       <= scores_q[key_q];
      read_first_q <= key_q == {KeyWidth{1'b0}};
      read_last_q  <= row_end;
      read_end_q   <= s_axis_v_tlast;
      negative_q   <= negative;
      // The unsigned form sees a negative value as 0, which no score leaves anything of.
      magnitude_q  <= !negative ? s_axis_v_tdata[6:0] : Signed != 0 ? minus_v : 7'd0;
      sum_end_q    <= read_end_q;
      m_axis_tlast <= sum_end_q;
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      wire [7:0] above = {1'b0, magnitude_q} - read_q[8*lane+:8];
      wire [6:0] kept = above[6:0] & {7{!above[7]}};
      reg signed [SumWidth-1:0] sum_q;
      wire [SumWidth-1:0] sum_d;

      add_subtract #(
          .Width(SumWidth)
      ) u_step (
          .a_i(read_first_q ? {SumWidth{1'b0}} : sum_q),
          .b_i({{(SumWidth - 7) {1'b0}}, kept}),
          .subtract_i(negative_q),
          .y_o(sum_d)
      );

      wire signed [Bits-1:0] g_d;
      reg [Bits-1:0] g_q;
      requantize #(
          .Width(SumWidth),
          .Bits (Bits)
      ) u_requantize (
          .x_i(sum_q),
          .shift_i(shift_i),
          .y_o(g_d)
      );

      always @(posedge clk_i) begin
        if (advance && read_valid_q) sum_q <= sum_d;
        if (advance) g_q <= g_d;
      end
      assign m_axis_tdata[Bits*lane+:Bits] = g_q;
    end

    if (Lanes != 1 && (Lanes < 4 || Lanes > 64 || (Lanes & (Lanes - 1)) != 0)) begin : g_lanes
      inhibit_refuses_lanes_other_than_1_4_8_16_32_64 refused ();
    end
    if (Keys < 8 || Keys > 128 || (Keys & (Keys - 1)) != 0) begin : g_keys
      inhibit_refuses_keys_other_than_8_16_32_64_128 refused ();
    end
    if ((Bits != 8 && Bits != 16) || (Signed != 0 && Signed != 1)) begin : g_form
      inhibit_refuses_bits_other_than_8_and_16_or_signed_other_than_0_and_1 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
